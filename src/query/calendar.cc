#include "query/calendar.h"

#include <chrono>

#include "base/check.h"
#include "base/time_format.h"
#include "query/words.h"

namespace millrace {
namespace {

constexpr TimeNs kDay = 86'400 * kSecond;
constexpr TimeNs kMonday = 4 * kDay;  // 1970-01-05
constexpr std::size_t kZoneBytesMax = 64;

TimeNs floor_to(TimeNs at, TimeNs unit, TimeNs origin = 0) {
  TimeNs into = (at - origin) % unit;
  return at - (into < 0 ? into + unit : into);
}

TimeNs month_begin(TimeNs at, int steps) {
  std::chrono::sys_days day{std::chrono::days(floor_to(at, kDay) / kDay)};
  std::chrono::year_month_day date(day);
  std::chrono::year_month month = date.year() / date.month() + std::chrono::months(steps);
  return std::chrono::sys_days(month / 1).time_since_epoch().count() * kDay;
}

TimeNs utc_begin(Every unit, TimeNs at, int steps) {
  if (unit == Every::kMonth) {
    return month_begin(at, steps);
  }
  return floor_to(at, length_of(unit), unit == Every::kWeek ? kMonday : 0) + steps * length_of(unit);
}

}  // namespace

TimeNs length_of(Every every) {
  switch (every) {
    case Every::kNone:
      break;
    case Every::kOneSecond:
      return kSecond;
    case Every::kMinute:
      return 60 * kSecond;
    case Every::kFiveMinutes:
      return 300 * kSecond;
    case Every::kFifteenMinutes:
      return 900 * kSecond;
    case Every::kHour:
      return 3600 * kSecond;
    case Every::kDay:
      return kDay;
    case Every::kWeek:
      return 7 * kDay;
    case Every::kMonth:
      return kDay / 4800 * 146'097;  // 400 years of the Gregorian calendar
  }
  MR_CHECK(every != Every::kNone);
  return 0;
}

Calendar::Calendar(StoreReader* store, std::string time_zone) : store_(store), time_zone_(std::move(time_zone)) {}

Result<StoreReader*> Calendar::store() const {
  bool named = !time_zone_.empty() && time_zone_.size() <= kZoneBytesMax &&
               time_zone_.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
                   std::string::npos;
  if (!named || store_ == nullptr) {
    return invalid("unknown time zone " + in_quotes(time_zone_) + "; use a name such as Europe/Berlin");
  }
  return store_;
}

Result<void> Calendar::check() const {
  if (utc()) {
    return {};
  }
  Result<TimeNs> known = begin(Every::kDay, 0, 0);
  if (known.ok()) {
    return {};
  }
  if (known.error().code != Code::kInvalid) {
    return known.error();
  }
  return invalid("unknown time zone " + in_quotes(time_zone_) + "; use a name such as Europe/Berlin");
}

Result<TimeNs> Calendar::begin(Every unit, TimeNs at, int steps) const {
  if (utc()) {
    return utc_begin(unit, at, steps);
  }
  MR_ASSIGN(StoreReader * reader, store());
  return reader->calendar(unit, at, steps, time_zone_);
}

Result<TimeNs> Calendar::instant(TimeNs local) const {
  if (utc()) {
    return local;
  }
  MR_ASSIGN(StoreReader * reader, store());
  return reader->instant(local, time_zone_);
}

Result<TimeNs> Calendar::day(TimeNs local_midnight) const {
  if (utc()) {
    return local_midnight;
  }
  // By way of noon, which no zone skips; midnight is skipped where clocks are put forward at midnight.
  MR_ASSIGN(TimeNs noon, instant(local_midnight + kDay / 2));
  return begin(Every::kDay, noon, 0);
}

Result<std::vector<TimeNs>> Calendar::buckets(Every every, TimeNs from, TimeNs to) const {
  if (!utc()) {
    MR_ASSIGN(StoreReader * reader, store());
    return reader->buckets(every, from, to, time_zone_);
  }
  std::vector<TimeNs> begins;
  for (TimeNs at = utc_begin(every, from, 0); at < to; at = utc_begin(every, at, 1)) {
    begins.push_back(at);
  }
  return begins;
}

}  // namespace millrace
