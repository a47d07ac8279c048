#include "ingest/native/json_number.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "ingest/native/structural_index.h"

namespace millrace {

namespace {

constexpr std::string_view kUnsignedMax = "18446744073709551615";
constexpr std::string_view kSignedMin = "9223372036854775808";
constexpr std::size_t kDigitsNeverTooLarge = 300;  // without an exponent

bool may_follow(char c) { return c == ',' || c == '}' || c == ']' || is_blank(c); }

const char* skip_digits(const char* at, const char* end) {
  while (at < end && is_digit(*at)) {
    ++at;
  }
  return at;
}

bool fits_64_bits(std::string_view digits, bool negative) {
  std::string_view most = negative ? kSignedMin : kUnsignedMax;
  return digits.size() < most.size() || (digits.size() == most.size() && digits <= most);
}

// from_chars says only "out of range"; an adjusted decimal exponent above zero tells the too large from the too small.
bool too_large(std::string_view text) {
  double value = 0;
  auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc::result_out_of_range) {
    return false;
  }
  text.remove_prefix(text.front() == '-');
  std::size_t mark = text.find_first_of("eE");
  std::string_view mantissa = text.substr(0, mark);
  long exponent = 0;
  if (mark != std::string_view::npos) {
    std::string_view digits = text.substr(mark + 1);
    bool negative = digits.front() == '-';
    digits.remove_prefix(negative || digits.front() == '+');
    if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc()) {
      exponent = 1'000'000'000'000;
    }
    exponent = negative ? -exponent : exponent;
  }
  std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::size_t first = mantissa.find_first_not_of("0.");
  if (first == std::string_view::npos) {
    return false;  // zero, whatever its exponent
  }
  long leading = static_cast<long>(point) - static_cast<long>(first);
  return exponent + leading > 0;
}

}  // namespace

JsonNumber scan_number(const char* begin, const char* end) {
  const char* at = begin + (*begin == '-');
  const char* integer = at;
  at = skip_digits(at, end);
  std::string_view digits(integer, static_cast<std::size_t>(at - integer));
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) {
    return {};
  }
  JsonNumber number;
  bool has_exponent = false;
  if (at < end && *at == '.') {
    const char* fraction = ++at;
    at = skip_digits(at, end);
    if (at == fraction) {
      return {};
    }
    number.type = PropertyType::kDouble;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    at += at < end && (*at == '+' || *at == '-');
    const char* exponent = at;
    at = skip_digits(at, end);
    if (at == exponent) {
      return {};
    }
    number.type = PropertyType::kDouble;
    has_exponent = true;
  }
  if (at < end && !may_follow(*at)) {
    return {};
  }
  number.text = std::string_view(begin, static_cast<std::size_t>(at - begin));
  if (number.type == PropertyType::kInteger) {
    bool negative = *begin == '-';
    if (digits.size() > 18 && !fits_64_bits(digits, negative)) {
      number.type = PropertyType::kDouble;
      number.rewrite = true;
    }
    number.rewrite |= negative && digits == "0";
  }
  if (number.type == PropertyType::kDouble && (has_exponent || number.text.size() > kDigitsNeverTooLarge)) {
    number.in_range = !too_large(number.text);
  }
  return number;
}

}  // namespace millrace
