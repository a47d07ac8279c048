#include "query/short_filter.h"

#include <fmt/format.h>

#include "base/json.h"
#include "query/field.h"
#include "query/words.h"

namespace millrace {
namespace {

constexpr std::string_view kSymbols[] = {"!=", "<=", ">=", "=", "<", ">"};
constexpr std::string_view kOperatorWords[] = {"in", "contains", "prefix", "exists"};
constexpr std::string_view kHelp =
    "a condition is `field operator value`, such as \"event = signup\" or \"properties.price >= 10\"";

// Where the field ends: at a blank or the first letter of an operator, outside of quotes.
std::size_t field_end(std::string_view text) {
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (inside && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      inside = !inside;
    } else if (!inside && std::string_view(" \t\r\n=!<>").find(text[i]) != std::string_view::npos) {
      return i;
    }
  }
  return text.size();
}

// The operator at the front of `rest`, which is moved past it.
Result<std::string_view> take_operator(std::string_view& rest) {
  for (std::string_view symbol : kSymbols) {
    if (rest.starts_with(symbol)) {
      rest.remove_prefix(symbol.size());
      if (!rest.empty() && std::string_view("=<>!").find(rest[0]) != std::string_view::npos) {
        return invalid(fmt::format("unknown operator {}; use =, !=, <, <=, > or >=",
                                   in_quotes(fmt::format("{}{}", symbol, rest[0]))));
      }
      return symbol;
    }
  }
  std::size_t end = std::min(rest.find_first_of(" \t\r\n[\""), rest.size());
  std::string_view word = rest.substr(0, end);
  for (std::string_view known : kOperatorWords) {
    if (word == known) {
      rest.remove_prefix(end);
      return known;
    }
  }
  return word.empty() ? invalid(std::string(kHelp))
                      : invalid(fmt::format("unknown operator {}{}; {}", in_quotes(word),
                                            suggestion(word, kOperatorWords), kHelp));
}

bool is_text_field_name(std::string_view name) {
  Result<FieldRef> field = parse_field(name);
  return field.ok() && is_text_field(*field);
}

// One value as JSON. Of a field that is always text, what looks like a number is text too.
Result<std::string> literal_json(std::string_view text, bool is_text) {
  Result<Json> json = Json::parse(text);
  bool keeps_type =
      json.ok() && !json->is_array() && !json->is_object() && (!is_text || json->is_string() || json->is_null());
  if (keeps_type) {
    return std::string(text);
  }
  if (text.empty()) {
    return invalid("the value is missing; the empty text is written \"\"");
  }
  if (text.find(" and ") != std::string_view::npos || text.find(" or ") != std::string_view::npos) {
    return invalid("give one condition at a time (several are joined by and), or put the text in double quotes");
  }
  std::string quoted_text;
  append_json_string(quoted_text, text);
  return quoted_text;
}

std::size_t comma_outside_of_quotes(std::string_view text) {
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (inside && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      inside = !inside;
    } else if (text[i] == ',' && !inside) {
      return i;
    }
  }
  return std::string_view::npos;
}

Result<std::string> list_json(std::string_view text, bool is_text) {
  if (text.starts_with('[')) {
    MR_TRY(Json::parse(text));
    return std::string(text);
  }
  std::string list = "[";
  for (bool more = true; more;) {
    std::size_t comma = comma_outside_of_quotes(text);
    more = comma != std::string_view::npos;
    MR_ASSIGN(std::string value, literal_json(trimmed(text.substr(0, comma)), is_text));
    list += (list.size() > 1 ? "," : "") + value;
    text.remove_prefix(more ? comma + 1 : 0);
  }
  return list + "]";
}

Result<std::string> condition_json(std::string_view text) {
  std::size_t end = field_end(text);
  std::string_view field = text.substr(0, end);
  if (field.empty()) {
    return invalid(std::string(kHelp));
  }
  std::string_view rest = trimmed(text.substr(end));
  MR_ASSIGN(std::string_view op, take_operator(rest));
  rest = trimmed(rest);
  JsonWriter json;
  json.begin_array().string(op).string(field);
  if (op == "exists") {
    if (!rest.empty()) {
      return invalid("`exists` takes no value");
    }
  } else {
    bool is_text = is_text_field_name(field);
    MR_ASSIGN(std::string value, op == "in" ? list_json(rest, is_text) : literal_json(rest, is_text));
    json.raw(value);
  }
  return json.end_array().text();
}

}  // namespace

Result<std::string> filter_json_from_text(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('[')) {
    MR_TRY(Json::parse(text));
    return std::string(text);
  }
  bool negated = text.starts_with("not ");
  MR_ASSIGN(std::string condition, condition_json(trimmed(text.substr(negated ? 4 : 0))));
  return negated ? "[\"not\"," + condition + "]" : condition;
}

}  // namespace millrace
