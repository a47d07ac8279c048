#include "process/id_hash.h"

#include <xxhash.h>

#include "base/bytes.h"
#include "base/check.h"

namespace millrace {

IdHasher::IdHasher(std::string secret) : secret_(std::move(secret)) { MR_CHECK(secret_.size() == kIdSecretBytes); }

Fingerprint IdHasher::operator()(const EventView& event) {
  std::string_view visitor = event.visitor();
  // The lengths come first, so that ("ab", "c") and ("a", "bc") differ.
  framed_.clear();
  append_le(framed_, static_cast<std::uint32_t>(event.project.size()));
  append_le(framed_, static_cast<std::uint32_t>(visitor.size()));
  append_le(framed_, static_cast<std::uint32_t>(event.id.size()));
  framed_.push_back(static_cast<char>(event.id_kind));
  framed_.append(event.project).append(visitor).append(event.id);
  XXH128_hash_t hash = XXH3_128bits_withSecret(framed_.data(), framed_.size(), secret_.data(), secret_.size());
  return {hash.low64, hash.high64};
}

}  // namespace millrace
