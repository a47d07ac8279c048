#pragma once
// Ids as 128-bit fingerprints. A false repeat would be a lost event, and a sender may choose ids at will: the hash is
// keyed with a secret that nobody outside knows.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_buffer.h"
#include "model/event.h"

namespace millrace {

struct Fingerprint {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

inline constexpr std::size_t kIdSecretBytes = 192;

// XXH3-128 with a secret of 192 random bytes, over lengths and texts of project, visitor and id, and the id's kind.
// One thread at a time (it has a buffer of its own).
class IdHasher {
 public:
  explicit IdHasher(std::string secret);  // kIdSecretBytes of them
  Fingerprint operator()(const EventView& event);
  const std::string& secret() const { return secret_; }

 private:
  std::string secret_;
  ByteBuffer framed_;
};

}  // namespace millrace
