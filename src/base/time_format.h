#pragma once
// RFC 3339 times, in UTC, to the nanosecond.

#include <optional>
#include <string>
#include <string_view>

#include "base/strong.h"

namespace millrace {

inline constexpr TimeNs kMillisecond = 1'000'000;
inline constexpr TimeNs kSecond = 1'000'000'000;

// "2012-03-18T06:16:09.000Z", with an offset or Z, `T` or a blank between; fractions beyond nanoseconds are cut; a leap
// second counts as the second after. Also "2012-03-18" (midnight UTC) when `date_alone`. Nothing for what is not a time
// of 1678 … 2261.
std::optional<TimeNs> parse_rfc3339(std::string_view text, bool date_alone = false);

// With as many digits of fraction as are needed, in groups of three: "2012-03-18T06:16:09Z", "….123Z".
std::string format_rfc3339(TimeNs time);

}  // namespace millrace
