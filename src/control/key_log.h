#pragma once
// The file of key changes, <data>/control/keys.log. docs/formats/control.md has a worked example.
//
//   8 bytes "MRCTRL\n" and the version (1)
//   then for each change: u32 bytes of the change, u32 CRC-32C of those four bytes and the change, the change as JSON
//
// A change is the whole state of one key: the last one with its id counts.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/keys.h"
#include "control/secret.h"

namespace millrace {

inline constexpr std::string_view kKeyLogMagic = "MRCTRL\n";
inline constexpr std::uint8_t kKeyLogVersion = 1;
inline constexpr std::size_t kKeyLogHeaderBytes = 8;
inline constexpr std::size_t kKeyChangeBytesMax = 4096;

struct StoredKey {
  KeyInfo info;
  TimeNs revoked_at = kNoTime;
  Digest digest{};
};

void append_key_log_header(std::string& to);
void append_key_change(std::string& to, const StoredKey& key);

struct KeyLog {
  std::vector<StoredKey> changes;
  std::size_t last = 0;        // where the last change begins; good_bytes when there is none
  std::size_t good_bytes = 0;  // what follows is the torn end of a change that was never confirmed
};

// kInvalid: written by a newer program. kCorrupt: a change that was durable once is damaged.
Result<KeyLog> parse_key_log(std::string_view bytes);

}  // namespace millrace
