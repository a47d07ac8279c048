#pragma once
// When a query looks: absolute and relative ranges, and the period before them. docs/guides/asking.md has the forms.

#include "base/json.h"
#include "base/result.h"
#include "base/strong.h"
#include "query/calendar.h"

namespace millrace {

struct TimeRange {
  TimeNs from = 0;  // half open
  TimeNs to = 0;
  // Of a range by a calendar word ("this_month"): the unit whose begin `from` is; its previous range begins one unit
  // before.
  Every unit = Every::kNone;
  bool all = false;  // everything there is: has no previous range and can't be cut into buckets
};

// One point in time: a date or local time in the calendar's zone, RFC 3339 with an offset, seconds, milliseconds,
// microseconds or nanoseconds since 1970 (told apart by magnitude), "now".
Result<TimeNs> parse_time(const Json& json, const Calendar& calendar, TimeNs now);

// [from, to], or a word: "7d", "today", "last_month", "all". `now` is rounded up to the second.
Result<TimeRange> parse_range(const Json& json, const Calendar& calendar, TimeNs now);

// The period of the same length that ends where `range` begins. Ranges of whole months or whole days move by months or
// days of the calendar, so that a year is compared with the year before whatever its length.
Result<TimeRange> previous_range(const TimeRange& range, const Calendar& calendar);

}  // namespace millrace
