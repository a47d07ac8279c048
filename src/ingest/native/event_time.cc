#include "ingest/native/event_time.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "base/time_format.h"
#include "ingest/native/structural_index.h"

namespace millrace {

namespace {

struct Unit {
  std::int64_t below;  // of the number's whole part, without sign
  std::int64_t ns;
};
constexpr Unit kUnits[] = {
    {5'000'000'000, 1'000'000'000}, {5'000'000'000'000, 1'000'000}, {5'000'000'000'000'000, 1'000}, {INT64_MAX, 1}};

// The digits behind the point, of a unit of `ns`; what is finer than a nanosecond is cut.
std::int64_t fraction_ns(std::string_view digits, std::int64_t ns) {
  std::int64_t sum = 0;
  for (char digit : digits) {
    ns /= 10;
    sum += (digit - '0') * ns;
  }
  return sum;
}

std::optional<TimeNs> scaled(std::int64_t whole, std::string_view fraction, bool negative) {
  const Unit* unit = kUnits;
  while (whole >= unit->below && unit->ns > 1) {
    ++unit;
  }
  std::int64_t sum = 0;
  if (__builtin_mul_overflow(whole, unit->ns, &sum) ||
      __builtin_add_overflow(sum, fraction_ns(fraction, unit->ns), &sum)) {
    return std::nullopt;
  }
  return negative ? -sum : sum;
}

// "1332051369", "-1.5", "1332051369123.25": exact decimal arithmetic. An exponent goes through a double.
std::optional<TimeNs> parse_epoch(std::string_view text) {
  bool negative = text.front() == '-';
  std::string_view rest = text.substr(negative);
  std::int64_t whole = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), whole);
  if (error != std::errc() || whole < 0) {
    return std::nullopt;
  }
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  std::string_view fraction;
  if (!rest.empty() && rest.front() == '.') {
    std::size_t digits = 1;
    while (digits < rest.size() && is_digit(rest[digits])) {
      ++digits;
    }
    fraction = rest.substr(1, digits - 1);
    rest.remove_prefix(digits);
  }
  if (rest.empty()) {
    return scaled(whole, fraction, negative);
  }
  double value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || std::fabs(value) >= 9e18) {
    return std::nullopt;
  }
  double size = std::fabs(value);
  auto digits = fmt::format("{:.9f}", size);
  std::size_t point = digits.find('.');
  std::int64_t size_whole = static_cast<std::int64_t>(size);
  return scaled(size_whole, std::string_view(digits).substr(point + 1), value < 0);
}

// Digits, then a point or an exponent or the end: not "2012-03-18".
bool looks_like_number(std::string_view text) {
  std::size_t at = text.front() == '-';
  while (at < text.size() && is_digit(text[at])) {
    ++at;
  }
  return at == text.size() || text[at] == '.' || text[at] == 'e' || text[at] == 'E';
}

}  // namespace

TimeNs parse_event_time(std::string_view text, std::string_view field, Verdict& verdict) {
  std::optional<TimeNs> time;
  if (!text.empty()) {
    time = looks_like_number(text) ? parse_epoch(text) : parse_rfc3339(text);
  }
  if (!time) {
    verdict.reject(
        "{} \"{}\" is neither an RFC 3339 time like 2012-03-18T06:16:09Z nor a number of (milli-, micro-, nano-)"
        "seconds since 1970, of the years 1900 to 2261",
        field, excerpt(text));
    return kNoTime;
  }
  if (*time < kEventTimeMin || *time >= kEventTimeEnd) {
    verdict.reject("{} \"{}\" is not of the years 1900 to 2261", field, excerpt(text));
    return kNoTime;
  }
  return *time;
}

}  // namespace millrace
