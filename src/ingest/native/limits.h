#pragma once
// The bounds of one event, in one place for parser, tests and documentation (docs/guides/sending-events.md).

#include <cstddef>

namespace millrace {

inline constexpr std::size_t kEventNameBytesMax = 200;
inline constexpr std::size_t kIdBytesMax = 512;  // user, anonymous, session and message ids
inline constexpr std::size_t kIdempotencyKeyBytesMax = 256;
inline constexpr std::size_t kKeysMax = 1000;     // in properties and context, at every depth
inline constexpr std::size_t kKeyBytesMax = 256;  // of one key's JSON text between its quotes
inline constexpr std::size_t kDepthMax = 64;      // the event itself is the first level

struct ParseLimits {
  std::size_t event_bytes_max = 1'000'000;  // of JSON text
  std::size_t batch_events_max = 10'000;
};

}  // namespace millrace
