#pragma once
// Times as senders write them.

#include <string_view>

#include "base/strong.h"
#include "ingest/native/verdict.h"

namespace millrace {

// 1900-01-01T00:00:00Z, and one past the end of 2261: what every store's time columns hold.
inline constexpr TimeNs kEventTimeMin = -2'208'988'800'000'000'000;
inline constexpr TimeNs kEventTimeEnd = 9'214'646'400'000'000'000;

// RFC 3339, or a number since 1970 whose unit follows from its size: below 5e9 seconds, below 5e12 milliseconds, below
// 5e15 microseconds, else nanoseconds. kNoTime, with a reason that begins with `field`, when it is neither or out of
// bounds.
TimeNs parse_event_time(std::string_view text, std::string_view field, Verdict& verdict);

}  // namespace millrace
