#include "query/view_json.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/check.h"
#include "base/time_format.h"
#include "query/calendar.h"
#include "query/field.h"
#include "query/filter_json.h"
#include "query/words.h"
#include "views/view_state.h"

namespace millrace {
namespace {

constexpr std::string_view kMembers[] = {"name", "where", "by", "grain", "measures", "horizon", "keys_max"};
constexpr std::string_view kGrains[] = {"second", "minute", "5_minutes", "15_minutes"};
constexpr std::size_t kMeasuresMax = 16;
constexpr std::size_t kDimensionsMax = 3;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::int64_t kTopMax = 100;
constexpr std::int64_t kKeysMax = 1'000'000;

Result<std::string> read_name(const Json& json) {
  const Json* name = json.find("name");
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  if (name == nullptr || !name->is_string() || name->text().empty() || name->text().size() > kNameBytesMax ||
      !std::all_of(name->text().begin(), name->text().end(), plain)) {
    return at("name",
              invalid(fmt::format("a view's name has 1 to {} characters out of a-z A-Z 0-9 _ - .", kNameBytesMax)));
  }
  return name->text();
}

// top(10, properties.path); everything else is a measure of a query.
Result<ViewMeasure> read_measure(std::string_view text) {
  text = trimmed(text);
  ViewMeasure measure;
  measure.text = text;
  std::size_t open = std::min(text.find('('), text.size());
  if (trimmed(text.substr(0, open)) != "top") {
    MR_ASSIGN(Measure plain, parse_plain_measure_of_view(text));
    constexpr ViewMeasure::Kind kKinds[] = {
        ViewMeasure::Kind::kCount, ViewMeasure::Kind::kUniq, ViewMeasure::Kind::kSum,     ViewMeasure::Kind::kMean,
        ViewMeasure::Kind::kMin,   ViewMeasure::Kind::kMax,  ViewMeasure::Kind::kQuantile};
    measure.kind = kKinds[static_cast<std::size_t>(plain.kind)];
    measure.field = std::move(plain.field);
    measure.quantile = plain.quantile;
    return measure;
  }
  std::size_t comma = text.find(',');
  std::string_view number = comma == std::string_view::npos ? "" : trimmed(text.substr(open + 1, comma - open - 1));
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), measure.top);
  if (error != std::errc() || end != number.data() + number.size() || measure.top < 1 || measure.top > kTopMax ||
      text.back() != ')') {
    return invalid(fmt::format("top needs how many (1 to {}) and its field: top(10, properties.<name>)", kTopMax));
  }
  MR_ASSIGN(measure.field, parse_field(trimmed(text.substr(comma + 1, text.size() - comma - 2))));
  if (is_time_field(measure.field)) {
    return invalid("top of a time is not possible");
  }
  measure.kind = ViewMeasure::Kind::kTop;
  return measure;
}

template <typename Part, typename Read>
Result<std::vector<Part>> read_texts(const Json& json, std::string_view name, std::size_t max, Read read) {
  std::vector<Part> parts;
  const Json* member = json.find(name);
  if (member == nullptr) {
    return parts;
  }
  if (!member->is_array() || member->items().size() > max) {
    return at(name, invalid(fmt::format("must be an array of at most {} texts", max)));
  }
  for (std::size_t i = 0; i < member->items().size(); ++i) {
    std::string path = fmt::format("{}[{}]", name, i);
    const Json& item = member->items()[i];
    if (!item.is_string()) {
      return at(path, invalid("must be a text"));
    }
    Result<Part> part = read(item.text());
    if (!part.ok()) {
      return at(path, part.error());
    }
    auto same = [&](const Part& other) { return other.text == part->text; };
    if (std::any_of(parts.begin(), parts.end(), same)) {
      return at(path, invalid(in_quotes(item.text()) + " is there twice"));
    }
    parts.push_back(std::move(*part));
  }
  return parts;
}

Result<FieldRef> read_dimension(const std::string& text) {
  MR_ASSIGN(FieldRef field, parse_field(text));
  if (is_time_field(field)) {
    return invalid("a time is no dimension; buckets of time are the view's grain");
  }
  return field;
}

Result<Every> read_grain(const Json& json) {
  const Json* grain = json.find("grain");
  std::string word = grain == nullptr ? "minute" : grain->text();
  // As the words of the settings' file are written too.
  word = word == "five_minutes" ? "5_minutes" : word == "fifteen_minutes" ? "15_minutes" : word;
  const auto* known = std::find(std::begin(kGrains), std::end(kGrains), word);
  if (known == std::end(kGrains)) {
    return at("grain", unknown_word("grain", word, kGrains));
  }
  return static_cast<Every>(static_cast<std::size_t>(known - std::begin(kGrains)) + 1);
}

std::string duration_text(TimeNs duration) {
  constexpr std::pair<TimeNs, std::string_view> kUnits[] = {
      {3'600'000 * kMillisecond, "h"}, {60'000 * kMillisecond, "m"}, {1'000 * kMillisecond, "s"}};
  for (auto [length, unit] : kUnits) {
    if (duration % length == 0) {
      return fmt::format("{}{}", duration / length, unit);
    }
  }
  return fmt::format("{}ms", duration / kMillisecond);
}

std::string canonical(const ViewSpec& spec, const Json* where) {
  JsonWriter json;
  json.begin_object().key("name").string(spec.name);
  if (where != nullptr) {
    json.key("where").value(*where);
  }
  json.key("by").begin_array();
  for (const FieldRef& field : spec.by) {
    json.string(field.text);
  }
  json.end_array().key("grain").string(kGrains[static_cast<std::size_t>(spec.grain) - 1]);
  json.key("measures").begin_array();
  for (const ViewMeasure& measure : spec.measures) {
    json.string(measure.text);
  }
  json.end_array().key("horizon").string(duration_text(spec.horizon));
  json.key("keys_max").unsigned_integer(spec.keys_max);
  return json.end_object().take();
}

}  // namespace

Result<TimeNs> parse_duration(std::string_view text) {
  constexpr std::pair<std::string_view, TimeNs> kUnits[] = {{"ms", kMillisecond},
                                                            {"s", 1'000 * kMillisecond},
                                                            {"m", 60'000 * kMillisecond},
                                                            {"h", 3'600'000 * kMillisecond},
                                                            {"d", 86'400'000 * kMillisecond}};
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto* known =
      std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& one) { return one.first == unit; });
  if (error != std::errc() || known == std::end(kUnits) || number < 1 || number > 1'000'000) {
    return invalid(fmt::format("{} is no length of time; write 250ms, 5s, 15m, 24h, 7d", in_quotes(text)));
  }
  return number * known->second;
}

Result<ViewSpec> parse_view(const Json& json, const std::string& project, ViewOrigin origin) {
  if (!json.is_object()) {
    return invalid("a view is a JSON object, such as {\"name\": \"signups\", \"measures\": [\"count\"]}");
  }
  for (const auto& [name, value] : json.members()) {
    if (std::find(std::begin(kMembers), std::end(kMembers), name) == std::end(kMembers)) {
      return unknown_word("member", name, kMembers);
    }
  }
  ViewSpec spec;
  spec.project = project;
  spec.origin = origin;
  MR_ASSIGN(spec.name, read_name(json));
  const Json* where = json.find("where");
  if (where != nullptr) {
    MR_ASSIGN(spec.where, parse_filter(*where, "where", Calendar(nullptr, "UTC"), 0));
  }
  MR_ASSIGN(spec.by, read_texts<FieldRef>(json, "by", kDimensionsMax, read_dimension));
  MR_ASSIGN(spec.grain, read_grain(json));
  MR_ASSIGN(spec.measures, read_texts<ViewMeasure>(json, "measures", kMeasuresMax, read_measure));
  if (spec.measures.empty()) {
    MR_ASSIGN(ViewMeasure count, read_measure("count"));
    spec.measures.push_back(std::move(count));
  }
  const Json* horizon = json.find("horizon");
  Result<TimeNs> length = parse_duration(horizon == nullptr ? "24h" : horizon->text());
  if (!length.ok()) {
    return at("horizon", length.error());
  }
  spec.horizon = *length;
  if (const Json* keys = json.find("keys_max"); keys != nullptr) {
    std::int64_t number = keys->integer().value_or(0);
    if (number < 1 || number > kKeysMax) {
      return at("keys_max", invalid(fmt::format("must be a whole number from 1 to {}", kKeysMax)));
    }
    spec.keys_max = static_cast<std::uint32_t>(number);
  }
  MR_TRY(check_view(spec));
  spec.json = canonical(spec, where);
  return spec;
}

std::vector<ViewSpec> built_in_views(const std::string& project) {
  std::vector<ViewSpec> views;
  for (auto [name, grain, horizon] :
       {std::array{"events_by_second", "second", "15m"}, std::array{"events_by_minute", "minute", "48h"}}) {
    JsonWriter text;
    text.begin_object().key("name").string(name).key("grain").string(grain).key("horizon").string(horizon);
    text.key("by").begin_array().string("event").end_array();
    text.key("measures").begin_array().string("count").string("uniq(visitor)").end_array().end_object();
    Result<Json> json = Json::parse(text.text());
    MR_CHECK(json.ok());
    Result<ViewSpec> view = parse_view(*json, project, ViewOrigin::kBuiltIn);
    MR_CHECK(view.ok());
    views.push_back(std::move(*view));
  }
  return views;
}

}  // namespace millrace
