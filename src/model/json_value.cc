#include "model/json_value.h"

#include <charconv>

#include <fmt/format.h>

#include "base/json.h"

namespace millrace {
namespace {

std::optional<std::string_view> find_member(std::string_view object, std::string_view key) {
  if (object.size() < 2 || object[0] != '{') return {};
  std::size_t at = 1;
  while (at < object.size() && object[at] == '"') {
    std::size_t key_end = at + 1;
    while (key_end < object.size() && object[key_end] != '"') key_end += object[key_end] == '\\' ? 2 : 1;
    std::size_t value = key_end + 2;
    if (value >= object.size()) return {};
    std::size_t end = json_value_end(object, value);
    if (object.substr(at + 1, key_end - at - 1) == key) return object.substr(value, end - value);
    at = end + 1;
  }
  return {};
}

// As ClickHouse shows a JSON number that isn't written as a whole one: the shortest text of the double.
std::string double_text(double value) {
  std::string text = fmt::format("{}", value);
  if (std::size_t plus = text.find('+'); plus != std::string::npos) text.erase(plus, 1);
  return text;
}

bool is_number(std::string_view json) {
  return !json.empty() && (json[0] == '-' || (json[0] >= '0' && json[0] <= '9'));
}

}  // namespace

std::size_t json_value_end(std::string_view text, std::size_t at) {
  int depth = 0;
  bool in_string = false;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (in_string) {
      at += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth < 0) return at;
    } else if (c == ',' && depth == 0) {
      return at;
    }
  }
  return text.size();
}

std::vector<std::string> escape_path(const std::vector<std::string>& path) {
  std::vector<std::string> escaped;
  for (const std::string& key : path) {
    std::string quoted;
    append_json_string(quoted, key);
    escaped.push_back(quoted.substr(1, quoted.size() - 2));
  }
  return escaped;
}

std::optional<std::string_view> find_json(std::string_view object, const std::vector<std::string>& escaped_path) {
  std::optional<std::string_view> value = object;
  for (const std::string& key : escaped_path) {
    value = find_member(*value, key);
    if (!value) return {};
  }
  return value;
}

std::optional<double> number_value(std::string_view json) {
  double value = 0;
  if (!is_number(json)) return {};
  auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (error != std::errc() || end != json.data() + json.size()) return {};
  return value;
}

std::optional<std::int64_t> integer_value(std::string_view json) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
  if (error == std::errc() && end == json.data() + json.size()) return value;
  std::optional<double> number = number_value(json);
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!number || *number < -kLimit || *number >= kLimit) return {};
  value = static_cast<std::int64_t>(*number);
  if (static_cast<double>(value) != *number) return {};
  return value;
}

std::optional<bool> boolean_value(std::string_view json) {
  if (json == "true") return true;
  if (json == "false") return false;
  return {};
}

bool append_text_value(std::string_view json, std::string& to) {
  if (json.empty() || json == "null") return false;
  if (json[0] != '"') {
    bool fraction = is_number(json) && json.find_first_of(".eE") != std::string_view::npos;
    std::optional<double> value = fraction ? number_value(json) : std::nullopt;
    to.append(value ? double_text(*value) : std::string(json));
    return true;
  }
  std::string_view inner = json.substr(1, json.size() - 2);
  if (inner.find('\\') == std::string_view::npos) {
    to.append(inner);
    return true;
  }
  Result<Json> parsed = Json::parse(json);
  if (!parsed.ok()) return false;
  to.append(parsed->text());
  return true;
}

}  // namespace millrace
