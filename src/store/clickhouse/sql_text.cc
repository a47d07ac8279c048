#include "store/clickhouse/sql_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/append_format.h"
#include "base/check.h"
#include "base/time_format.h"

namespace millrace::clickhouse {
namespace {

std::string quote(std::string_view text, char mark) {
  std::string quoted(1, mark);
  for (char c : text) {
    unsigned char byte = static_cast<unsigned char>(c);
    if (c == mark || c == '\\') {
      quoted.push_back('\\');
      quoted.push_back(c);
    } else if (byte < 0x20 || byte == 0x7f) {
      append_format(quoted, "\\x{:02x}", byte);
    } else {
      quoted.push_back(c);
    }
  }
  quoted.push_back(mark);
  return quoted;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string quote_string(std::string_view text) { return quote(text, '\''); }

std::string quote_name(std::string_view name) { return quote(name, '`'); }

std::string number_text(double value) {
  MR_CHECK(value - value == 0);  // finite
  return fmt::format("toFloat64('{}')", value);
}

std::string time_text(TimeNs time) { return fmt::format("fromUnixTimestamp64Nano(toInt64('{}'), 'UTC')", time); }

std::optional<std::string> rfc3339_sql(std::string_view text) {
  std::optional<TimeNs> time = parse_rfc3339(text, true);
  if (!time) return {};
  return time_text(*time);
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_digit(c); });
}

}  // namespace millrace::clickhouse
