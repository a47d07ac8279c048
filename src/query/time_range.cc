#include "query/time_range.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/time_format.h"
#include "query/words.h"

namespace millrace {
namespace {

// What every kind of store can hold.
constexpr TimeNs kFirst = -2'208'988'800 * kSecond;  // 1900-01-01
constexpr TimeNs kLast = 9'214'646'400 * kSecond;    // 2262-01-01
constexpr std::uint64_t kSpanMax = 290ULL * 366 * 86'400 * kSecond;

constexpr std::string_view kWords[] = {"today",      "yesterday",  "this_week", "last_week",
                                       "this_month", "last_month", "all"};
constexpr std::string_view kForms =
    "give [from, to), such as [\"2012-01-01\", \"2013-01-01\"], or a length such as \"7d\" or \"24h\", or today, "
    "yesterday, this_week, last_week, this_month, last_month, all";

Result<TimeNs> in_bounds(double seconds, TimeNs exact) {
  if (!(seconds >= static_cast<double>(kFirst / kSecond) && seconds <= static_cast<double>(kLast / kSecond))) {
    return invalid("a time must lie between 1900-01-01 and 2262-01-01");
  }
  return exact;
}

// The same magnitudes as in events (docs/guides/sending-events.md).
Result<TimeNs> parse_epoch(const Json& json) {
  double number = json.number();
  double magnitude = std::fabs(number);
  std::int64_t unit = magnitude < 5e9 ? kSecond : magnitude < 5e12 ? 1'000'000 : magnitude < 5e15 ? 1'000 : 1;
  double seconds = number / (1e9 / static_cast<double>(unit));
  MR_TRY(in_bounds(seconds, 0));
  if (std::optional<std::int64_t> whole = json.integer()) {
    return *whole * unit;
  }
  return static_cast<TimeNs>(number * static_cast<double>(unit));
}

// "2012-01-01T10:00", "2012-01-01 10:00:00.5": as if it were UTC; nothing when it is no local time.
std::optional<TimeNs> parse_local(std::string_view text) {
  constexpr std::size_t kToMinute = 16;
  std::string full(text);
  return parse_rfc3339(full + (text.size() == kToMinute ? ":00Z" : "Z"));
}

Result<TimeNs> parse_time_text(std::string_view text, const Calendar& calendar, TimeNs now) {
  Result<TimeNs> time = invalid("");
  if (text == "now") {
    return now;
  }
  if (std::optional<TimeNs> instant = parse_rfc3339(text)) {
    time = *instant;
  } else if (std::optional<TimeNs> date = parse_rfc3339(text, true)) {
    time = calendar.day(*date);
  } else if (std::optional<TimeNs> local = parse_local(text)) {
    time = calendar.instant(*local);
  } else {
    return invalid(
        fmt::format("{} is not a time; use 2012-01-01, 2012-01-01T10:00, 2012-01-01T10:00:00Z, now, or "
                    "seconds or milliseconds since 1970 as a number",
                    in_quotes(text)));
  }
  MR_TRY(time);
  return in_bounds(static_cast<double>(*time / kSecond), *time);
}

TimeNs next_second(TimeNs now) {
  TimeNs into = ((now % kSecond) + kSecond) % kSecond;
  return into == 0 ? now : now - into + kSecond;
}

// "7d", "24h": the length, or 0 when it is none.
TimeNs parse_length(std::string_view text) {
  std::uint32_t count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end + 1 != text.data() + text.size()) {
    return 0;
  }
  TimeNs unit = 0;
  switch (*end) {
    case 's':
      unit = kSecond;
      break;
    case 'm':
      unit = 60 * kSecond;
      break;
    case 'h':
      unit = 3600 * kSecond;
      break;
    case 'd':
      unit = 86'400 * kSecond;
      break;
    case 'w':
      unit = 7 * 86'400 * kSecond;
      break;
    default:
      return 0;
  }
  return count <= (kLast / 2) / unit ? count * unit : 0;
}

Result<TimeRange> parse_word(std::string_view text, const Calendar& calendar, TimeNs now) {
  if (text == "all") {
    return TimeRange{kFirst, kLast, Every::kNone, true};
  }
  TimeNs length = parse_length(text);
  if (length > 0 && now - length >= kFirst) {
    return TimeRange{now - length, now};
  }
  if (std::find(std::begin(kWords), std::end(kWords), text) == std::end(kWords)) {
    return invalid(fmt::format("{} is not a range; {}{}", in_quotes(text), kForms, suggestion(text, kWords)));
  }
  TimeRange range;
  range.unit = text.ends_with("week") ? Every::kWeek : text.ends_with("month") ? Every::kMonth : Every::kDay;
  bool past = text == "yesterday" || text.starts_with("last_");
  MR_ASSIGN(range.from, calendar.begin(range.unit, now, past ? -1 : 0));
  range.to = now;
  if (past) {
    MR_ASSIGN(range.to, calendar.begin(range.unit, now, 0));
  } else if (range.from == now) {
    range.to = now + kSecond;  // a day must not be empty on the stroke of midnight
  }
  return range;
}

// Whole units of the calendar between the ends, 0 when the ends are no begins of units.
Result<int> whole_units(Every unit, const TimeRange& range, const Calendar& calendar) {
  MR_ASSIGN(TimeNs from, calendar.begin(unit, range.from, 0));
  if (from != range.from) {
    return 0;
  }
  MR_ASSIGN(TimeNs to, calendar.begin(unit, range.to, 0));
  if (to != range.to) {
    return 0;
  }
  // Right for months too: no number of months is half a mean month away from its mean length.
  double units = static_cast<double>(range.to - range.from) / static_cast<double>(length_of(unit));
  return static_cast<int>(std::lround(units));
}

}  // namespace

Result<TimeNs> parse_time(const Json& json, const Calendar& calendar, TimeNs now) {
  if (json.is_number()) {
    return parse_epoch(json);
  }
  if (!json.is_string()) {
    return invalid("a time is a text or a number");
  }
  return parse_time_text(json.text(), calendar, now);
}

Result<TimeRange> parse_range(const Json& json, const Calendar& calendar, TimeNs now) {
  now = next_second(now);
  if (json.is_string()) {
    Result<TimeRange> range = parse_word(json.text(), calendar, now);
    return range.ok() ? range : at("range", range.error());
  }
  if (!json.is_array() || json.items().size() != 2) {
    return at("range", invalid(std::string(kForms)));
  }
  TimeRange range;
  Result<TimeNs> from = parse_time(json.items()[0], calendar, now);
  if (!from.ok()) {
    return at("range[0]", from.error());
  }
  Result<TimeNs> to = parse_time(json.items()[1], calendar, now);
  if (!to.ok()) {
    return at("range[1]", to.error());
  }
  range.from = *from;
  range.to = *to;
  if (range.from >= range.to) {
    return invalid(fmt::format("range: {} is not before {}", format_rfc3339(range.from), format_rfc3339(range.to)));
  }
  // Longer ones are no number of nanoseconds any more.
  if (static_cast<std::uint64_t>(range.to) - static_cast<std::uint64_t>(range.from) > kSpanMax) {
    return invalid("range: it is longer than 290 years; give a shorter one, or \"all\"");
  }
  return range;
}

Result<TimeRange> previous_range(const TimeRange& range, const Calendar& calendar) {
  if (range.all) {
    return invalid("compare: there is nothing before \"all\"; give a range with a begin");
  }
  TimeRange previous{range.from - (range.to - range.from), range.from, range.unit, false};
  if (range.unit != Every::kNone) {
    MR_ASSIGN(previous.from, calendar.begin(range.unit, range.from, -1));
    MR_ASSIGN(TimeNs whole, calendar.begin(range.unit, range.from, 1));
    bool so_far = range.to < whole;  // today until now is compared with yesterday until the same time
    previous.to = so_far ? std::min(previous.from + (range.to - range.from), range.from) : range.from;
  } else {
    for (Every unit : {Every::kMonth, Every::kDay}) {
      MR_ASSIGN(int units, whole_units(unit, range, calendar));
      if (units > 0) {
        MR_ASSIGN(previous.from, calendar.begin(unit, range.from, -units));
        break;
      }
    }
  }
  if (previous.from < kFirst) {
    return invalid("compare: the period before the range begins before 1900");
  }
  return previous;
}

}  // namespace millrace
