#include "base/time_format.h"

#include <chrono>

#include <fmt/format.h>

namespace millrace {
namespace {

// Reads exactly `count` digits at `at`; -1 when they are not there.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) {
    return -1;
  }
  int number = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return -1;
    }
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

bool is(std::string_view text, std::size_t at, char wanted) { return at < text.size() && text[at] == wanted; }

// Days since 1970 of a date, or nothing when there is no such day or a nanosecond count can't hold it.
std::optional<std::int64_t> days_of(std::string_view text) {
  int year = digits(text, 0, 4);
  int month = digits(text, 5, 2);
  int day = digits(text, 8, 2);
  if (year < 1678 || year > 2261 || month < 0 || day < 0 || !is(text, 4, '-') || !is(text, 7, '-')) {
    return std::nullopt;
  }
  std::chrono::year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date).time_since_epoch().count();
}

// "+05:30", "-08:00", "Z" from `at` to the end, in seconds.
std::optional<std::int64_t> offset_of(std::string_view text, std::size_t at) {
  if (at + 1 == text.size() && (text[at] == 'Z' || text[at] == 'z')) {
    return 0;
  }
  int hours = digits(text, at + 1, 2);
  int minutes = digits(text, at + 4, 2);
  if (at + 6 != text.size() || (text[at] != '+' && text[at] != '-') || !is(text, at + 3, ':') || hours < 0 ||
      hours > 23 || minutes < 0 || minutes > 59) {
    return std::nullopt;
  }
  std::int64_t seconds = hours * 3600 + minutes * 60;
  return text[at] == '-' ? -seconds : seconds;
}

}  // namespace

std::optional<TimeNs> parse_rfc3339(std::string_view text, bool date_alone) {
  std::optional<std::int64_t> days = days_of(text);
  if (!days) {
    return std::nullopt;
  }
  if (text.size() == 10) {
    return date_alone ? std::optional<TimeNs>(*days * 86400 * kSecond) : std::nullopt;
  }
  int hour = digits(text, 11, 2);
  int minute = digits(text, 14, 2);
  int second = digits(text, 17, 2);
  bool separated = is(text, 10, 'T') || is(text, 10, 't') || is(text, 10, ' ');
  if (!separated || !is(text, 13, ':') || !is(text, 16, ':') || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
      second < 0 || second > 60) {
    return std::nullopt;
  }
  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (is(text, at, '.')) {
    std::int64_t unit = kSecond / 10;
    std::size_t begin = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      fraction += (text[at] - '0') * unit;
      unit /= 10;
    }
    if (at == begin) {
      return std::nullopt;
    }
  }
  std::optional<std::int64_t> offset = at < text.size() ? offset_of(text, at) : std::nullopt;
  if (!offset) {
    return std::nullopt;
  }
  return (*days * 86400 + hour * 3600 + minute * 60 + second - *offset) * kSecond + fraction;
}

std::string format_rfc3339(TimeNs time) {
  std::int64_t fraction = time % kSecond;
  std::int64_t seconds = time / kSecond;
  if (fraction < 0) {
    fraction += kSecond;
    --seconds;
  }
  std::int64_t second_of_day = ((seconds % 86400) + 86400) % 86400;
  std::chrono::sys_days day{std::chrono::days((seconds - second_of_day) / 86400)};
  std::chrono::year_month_day date(day);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
  if (fraction % 1'000'000 == 0) {
    if (fraction != 0) {
      text += fmt::format(".{:03}", fraction / 1'000'000);
    }
  } else if (fraction % 1'000 == 0) {
    text += fmt::format(".{:06}", fraction / 1'000);
  } else {
    text += fmt::format(".{:09}", fraction);
  }
  return text + "Z";
}

}  // namespace millrace
