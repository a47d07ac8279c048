#include "query/field.h"

#include <algorithm>
#include <charconv>
#include <span>

#include <fmt/format.h>

#include "query/words.h"

namespace millrace {
namespace {

constexpr std::string_view kBaseFields[] = {"event",   "user_id",    "anonymous_id", "session_id",
                                            "visitor", "message_id", "time",         "received"};
constexpr std::string_view kMeasures[] = {"count", "uniq", "sum", "mean", "min", "max", "quantile"};
constexpr std::string_view kMeasuresOfViews[] = {"count", "uniq", "sum", "mean", "min", "max", "quantile", "top"};
constexpr std::string_view kFieldsHelp =
    "use event, user_id, anonymous_id, session_id, visitor, message_id, time, received, properties.<name> or "
    "context.<name>";

// What people write who come from elsewhere.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {
    {"avg", "mean(…)"},           {"average", "mean(…)"},         {"distinct", "uniq(…)"},
    {"unique", "uniq(…)"},        {"uniques", "uniq(…)"},         {"count_distinct", "uniq(…)"},
    {"total", "count"},           {"median", "quantile(0.5, …)"}, {"percentile", "quantile(0.95, …)"},
    {"p50", "quantile(0.5, …)"},  {"p90", "quantile(0.9, …)"},    {"p95", "quantile(0.95, …)"},
    {"p99", "quantile(0.99, …)"}, {"top", "by, order and limit"}};

// One part of a path from the front of `rest`, up to a dot or the end.
Result<std::string> take_part(std::string_view& rest) {
  std::string part;
  if (rest.empty() || rest[0] != '"') {
    std::size_t end = std::min(rest.find('.'), rest.size());
    part = rest.substr(0, end);
    rest.remove_prefix(end);
    if (part.find('"') != std::string::npos) {
      return invalid("a quote inside a name; quote the whole part: properties.\"a.b\"");
    }
    return part;
  }
  std::size_t i = 1;
  for (; i < rest.size() && rest[i] != '"'; ++i) {
    if (rest[i] == '\\' && i + 1 < rest.size()) {
      ++i;
    }
    part.push_back(rest[i]);
  }
  if (i >= rest.size()) {
    return invalid("a quote that doesn't end");
  }
  rest.remove_prefix(i + 1);
  if (!rest.empty() && rest[0] != '.') {
    return invalid("a dot must follow a quoted part");
  }
  return part;
}

Result<std::vector<std::string>> parse_path(std::string_view rest) {
  std::vector<std::string> path;
  for (bool more = true; more;) {
    MR_ASSIGN(std::string part, take_part(rest));
    if (part.empty()) {
      return invalid("a part of the path is empty");
    }
    if (part.size() > kFieldPartBytesMax) {
      return invalid(
          fmt::format("a part of the path has {} bytes, at most {} are allowed", part.size(), kFieldPartBytesMax));
    }
    path.push_back(std::move(part));
    more = !rest.empty();
    rest.remove_prefix(more ? 1 : 0);
  }
  if (path.size() > kFieldPathMax) {
    return invalid(fmt::format("a path of {} parts, at most {} are allowed", path.size(), kFieldPathMax));
  }
  return path;
}

Error unknown_field(std::string_view text) {
  return invalid(fmt::format("unknown field {}; {}{}", in_quotes(text), kFieldsHelp, suggestion(text, kBaseFields)));
}

Error unknown_measure(std::string_view name, std::span<const std::string_view> known) {
  for (const auto& [other, ours] : kOtherNames) {
    if (name == other) {
      return invalid(fmt::format("unknown measure {}; use {}", in_quotes(name), ours));
    }
  }
  return unknown_word("measure", name, known);
}

Result<double> parse_quantile(std::string_view text) {
  double level = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), level);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || !(level >= 0 && level <= 1)) {
    return invalid(fmt::format("the level of a quantile lies between 0 and 1, not {}", in_quotes(text)));
  }
  return level;
}

Result<FieldRef> parse_measured_field(Measure::Kind kind, std::string_view name, std::string_view text) {
  MR_ASSIGN(FieldRef field, parse_field(text));
  bool extreme = kind == Measure::Kind::kMin || kind == Measure::Kind::kMax;
  if (kind == Measure::Kind::kUniq && is_time_field(field)) {
    return invalid(fmt::format("uniq of {} is not possible; use any field but a time", in_quotes(text)));
  }
  if (kind != Measure::Kind::kUniq && is_text_field(field)) {
    return invalid(fmt::format("{} of {} is not possible, it is text; use a numeric property: properties.<name>", name,
                               in_quotes(text)));
  }
  if (kind != Measure::Kind::kUniq && is_time_field(field) && !extreme) {
    return invalid(fmt::format("{} of {} is not possible; of a time there are min and max", name, in_quotes(text)));
  }
  return field;
}

Result<Measure> parse_known_measure(std::string_view text, std::span<const std::string_view> names) {
  Measure measure;
  text = trimmed(text);
  measure.text = text;
  std::size_t open = std::min(text.find('('), text.size());
  std::string_view name = trimmed(text.substr(0, open));
  const auto* known = std::find(std::begin(kMeasures), std::end(kMeasures), name);
  if (known == std::end(kMeasures)) {
    return unknown_measure(name, names);
  }
  measure.kind = static_cast<Measure::Kind>(known - std::begin(kMeasures));
  if (measure.kind == Measure::Kind::kCount) {
    bool bare = open == text.size() || trimmed(text.substr(open)) == "()";
    return bare ? Result<Measure>(measure) : invalid("count has no field; use count, or uniq(field)");
  }
  if (open == text.size() || text.back() != ')') {
    return invalid(fmt::format("{} needs its field in parentheses: {}({}properties.<name>)", name, name,
                               name == "quantile" ? "0.95, " : ""));
  }
  std::string_view inside = trimmed(text.substr(open + 1, text.size() - open - 2));
  if (measure.kind == Measure::Kind::kQuantile) {
    std::size_t comma = inside.find(',');
    if (comma == std::string_view::npos) {
      return invalid("quantile needs its level and its field: quantile(0.95, properties.<name>)");
    }
    MR_ASSIGN(measure.quantile, parse_quantile(trimmed(inside.substr(0, comma))));
    inside = trimmed(inside.substr(comma + 1));
  }
  MR_ASSIGN(measure.field, parse_measured_field(measure.kind, name, inside));
  return measure;
}

}  // namespace

Result<FieldRef> parse_field(std::string_view text) {
  FieldRef field;
  field.text = text;
  std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) {
    if (std::find(std::begin(kBaseFields), std::end(kBaseFields), text) == std::end(kBaseFields)) {
      return unknown_field(text);
    }
    field.base = text;
    return field;
  }
  std::string_view root = text.substr(0, dot);
  if (root != "properties" && root != "context") {
    return unknown_field(text);
  }
  field.kind = root == "properties" ? FieldRef::Kind::kProperty : FieldRef::Kind::kContext;
  Result<std::vector<std::string>> path = parse_path(text.substr(dot + 1));
  if (!path.ok()) {
    return at(in_quotes(text), path.error());
  }
  field.path = std::move(path).value();
  return field;
}

Result<Measure> parse_measure(std::string_view text) { return parse_known_measure(text, kMeasures); }

Result<Measure> parse_plain_measure_of_view(std::string_view text) {
  return parse_known_measure(text, kMeasuresOfViews);
}

}  // namespace millrace
