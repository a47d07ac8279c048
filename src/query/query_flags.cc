#include "query/query_flags.h"

#include <algorithm>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "base/json.h"
#include "query/short_filter.h"
#include "query/words.h"

namespace millrace {
namespace {

// Splits at commas outside of parentheses and quotes.
std::vector<std::string> split_list(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) {
    int depth = 0;
    bool inside = false;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      char letter = i < text.size() ? text[i] : '\0';
      inside = inside != (letter == '"');
      depth += inside ? 0 : (letter == '(') - (letter == ')');
      if (i == text.size() || (letter == ',' && depth <= 0 && !inside)) {
        parts.emplace_back(trimmed(std::string_view(text).substr(begin, i - begin)));
        begin = i + 1;
      }
    }
  }
  return parts;
}

void write_list(JsonWriter& json, std::string_view name, const std::vector<std::string>& texts) {
  if (texts.empty()) {
    return;
  }
  json.key(name).begin_array();
  for (const std::string& part : split_list(texts)) {
    json.string(part);
  }
  json.end_array();
}

void write_text(JsonWriter& json, std::string_view name, const std::string& text) {
  if (!text.empty()) {
    json.key(name).string(text);
  }
}

// A number where the text is one: epoch seconds and the like.
void write_time(JsonWriter& json, std::string_view text) {
  bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  Result<Json> number = Json::parse(digits ? text : "null");
  if (number.ok() && number->is_number()) {
    json.value(*number);
  } else {
    json.string(text);
  }
}

Result<void> write_number(JsonWriter& json, std::string_view name, const std::string& text) {
  if (text.empty()) {
    return {};
  }
  Result<Json> number = Json::parse(text);
  if (!number.ok() || !number->integer()) {
    return at(name, invalid(in_quotes(text) + " is not a whole number"));
  }
  json.key(name).integer(*number->integer());
  return {};
}

Result<void> write_range(JsonWriter& json, const QueryFlags& flags) {
  if (!flags.range.empty() && !(flags.from.empty() && flags.to.empty())) {
    return invalid("range: give either range, or from and to");
  }
  if (flags.from.empty() && !flags.to.empty()) {
    return invalid("from: missing; `to` needs it");
  }
  std::size_t comma = flags.range.find(',');
  if (flags.from.empty() && comma == std::string::npos) {
    write_text(json, "range", flags.range);
    return {};
  }
  std::string_view range = flags.range;
  json.key("range").begin_array();
  write_time(json, flags.from.empty() ? trimmed(range.substr(0, comma)) : std::string_view(flags.from));
  write_time(json, flags.from.empty() ? trimmed(range.substr(comma + 1))
                   : flags.to.empty() ? "now"
                                      : std::string_view(flags.to));
  json.end_array();
  return {};
}

Result<void> write_where(JsonWriter& json, const std::vector<std::string>& where) {
  if (where.empty()) {
    return {};
  }
  json.key("where");
  if (where.size() > 1) {
    json.begin_array().string("and");
  }
  for (std::size_t i = 0; i < where.size(); ++i) {
    Result<std::string> filter = filter_json_from_text(where[i]);
    if (!filter.ok()) {
      return at(where.size() > 1 ? fmt::format("where[{}]", i + 1) : "where", filter.error());
    }
    json.raw(*filter);
  }
  if (where.size() > 1) {
    json.end_array();
  }
  return {};
}

constexpr std::string_view kQueryNames[] = {
    "measures",     "by",    "where", "range",   "from",         "to",          "every",
    "time_zone",    "order", "limit", "compare", "min_position", "max_time_ms", "max_memory_bytes",
    "max_rows_read"};
constexpr std::string_view kEventsNames[] = {"where", "range", "from", "to", "time_zone", "limit", "min_position"};

std::vector<std::string>* list_of(QueryFlags& flags, std::string_view name) {
  return name == "measures" ? &flags.measures
         : name == "by"     ? &flags.by
         : name == "where"  ? &flags.where
         : name == "order"  ? &flags.order
                            : nullptr;
}

std::string* text_of(QueryFlags& flags, std::string_view name) {
  const std::pair<std::string_view, std::string*> kTexts[] = {{"range", &flags.range},
                                                              {"from", &flags.from},
                                                              {"to", &flags.to},
                                                              {"every", &flags.every},
                                                              {"time_zone", &flags.time_zone},
                                                              {"limit", &flags.limit},
                                                              {"compare", &flags.compare},
                                                              {"min_position", &flags.min_position},
                                                              {"max_time_ms", &flags.max_time_ms},
                                                              {"max_memory_bytes", &flags.max_memory_bytes},
                                                              {"max_rows_read", &flags.max_rows_read}};
  for (const auto& [known, text] : kTexts) {
    if (known == name) {
      return text;
    }
  }
  return nullptr;
}

Result<std::string> from_url(const UrlParameters& parameters, std::span<const std::string_view> names) {
  QueryFlags flags;
  for (const auto& [name, value] : parameters) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return unknown_word("parameter", name, names);
    }
    if (value.empty()) {
      return at(name, invalid("is empty; leave it out"));
    }
    if (std::vector<std::string>* list = list_of(flags, name)) {
      list->push_back(value);
      continue;
    }
    std::string* text = text_of(flags, name);
    if (!text->empty()) {
      return at(name, invalid("is there twice"));
    }
    *text = value;
  }
  return query_json_from_flags(flags);
}

}  // namespace

Result<std::string> query_json_from_flags(const QueryFlags& flags) {
  JsonWriter json;
  json.begin_object();
  write_list(json, "measures", flags.measures);
  write_list(json, "by", flags.by);
  MR_TRY(write_where(json, flags.where));
  MR_TRY(write_range(json, flags));
  write_text(json, "every", flags.every);
  write_text(json, "time_zone", flags.time_zone);
  write_list(json, "order", flags.order);
  MR_TRY(write_number(json, "limit", flags.limit));
  write_text(json, "compare", flags.compare);
  write_text(json, "min_position", flags.min_position);
  MR_TRY(write_number(json, "max_time_ms", flags.max_time_ms));
  MR_TRY(write_number(json, "max_memory_bytes", flags.max_memory_bytes));
  MR_TRY(write_number(json, "max_rows_read", flags.max_rows_read));
  return json.end_object().text();
}

Result<std::string> query_from_url(const UrlParameters& parameters) { return from_url(parameters, kQueryNames); }

Result<std::string> events_query_from_url(const UrlParameters& parameters) {
  return from_url(parameters, kEventsNames);
}

}  // namespace millrace
