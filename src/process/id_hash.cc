#include "process/id_hash.h"

#include "base/byte_buffer.h"
#include "base/check.h"
#include "base/xxh.h"

namespace millrace {
namespace {

constexpr std::size_t kLengthsAndKindBytes = 3 * sizeof(std::uint32_t) + 1;

}  // namespace

IdHasher::IdHasher(std::string secret) : secret_(std::move(secret)) { MR_CHECK(secret_.size() == kIdSecretBytes); }

Fingerprint IdHasher::operator()(const EventView& event) {
  std::string_view visitor = event.visitor();
  // The lengths come first, so that ("ab", "c") and ("a", "bc") differ.
  framed_.clear();
  char* to = framed_.room(kLengthsAndKindBytes + event.project.size() + visitor.size() + event.id.size());
  for (std::string_view text : {event.project, visitor, event.id}) {
    store_le(to, static_cast<std::uint32_t>(text.size()));
    to += sizeof(std::uint32_t);
  }
  *to++ = static_cast<char>(event.id_kind);
  for (std::string_view text : {event.project, visitor, event.id}) {
    to = put_text(to, text);
  }
  framed_.taken(to);
  XXH128_hash_t hash = XXH3_128bits_withSecret(framed_.data(), framed_.size(), secret_.data(), secret_.size());
  return {hash.low64, hash.high64};
}

}  // namespace millrace
