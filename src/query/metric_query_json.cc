#include "query/metric_query_json.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "base/json.h"
#include "query/field.h"
#include "query/filter_json.h"
#include "query/time_range.h"
#include "query/words.h"

namespace millrace {
namespace {

constexpr std::string_view kQueryMembers[] = {"measures",     "by",           "where",       "range",
                                              "every",        "time_zone",    "order",       "limit",
                                              "compare",      "min_position", "max_time_ms", "max_memory_bytes",
                                              "max_rows_read"};
constexpr std::string_view kEventsMembers[] = {"where", "range", "time_zone", "limit", "min_position"};

// In the order of Every, without kNone.
constexpr std::string_view kEveryWords[] = {"second", "minute", "5_minutes", "15_minutes",
                                            "hour",   "day",    "week",      "month"};

Every every_at(std::size_t index) { return static_cast<Every>(index + 1); }

Result<Json> parse_members(std::string_view text, std::span<const std::string_view> known) {
  MR_ASSIGN(Json json, Json::parse(text));
  if (!json.is_object()) {
    return invalid("a query is a JSON object, such as {\"measures\": [\"count\"], \"range\": \"7d\"}");
  }
  for (const auto& [name, value] : json.members()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return unknown_word("member", name, known);
    }
    if (value.is_null()) {
      return at(name, invalid("is null; leave it out"));
    }
  }
  return json;
}

Result<std::string> read_text(const Json& json, std::string_view name, std::string_view otherwise) {
  const Json* member = json.find(name);
  if (member == nullptr) {
    return std::string(otherwise);
  }
  if (!member->is_string()) {
    return at(name, invalid("must be a text"));
  }
  return member->text();
}

Result<std::int64_t> read_number(const Json& json, std::string_view name, std::int64_t max, std::int64_t otherwise) {
  const Json* member = json.find(name);
  if (member == nullptr) {
    return otherwise;
  }
  std::optional<std::int64_t> number = member->integer();
  if (!number || *number < 1 || *number > max) {
    return at(name, invalid(fmt::format("must be a whole number from 1 to {}", max)));
  }
  return *number;
}

// A list of texts, each read by `read`, none twice.
template <typename Part, typename Read>
Result<std::vector<Part>> read_list(const Json& json, std::string_view name, std::size_t max, Read read) {
  std::vector<Part> parts;
  const Json* member = json.find(name);
  if (member == nullptr) {
    return parts;
  }
  if (!member->is_array()) {
    return at(name, invalid("must be an array of texts"));
  }
  if (member->items().size() > max) {
    return at(name, invalid(fmt::format("has {} entries, at most {} are allowed", member->items().size(), max)));
  }
  for (std::size_t i = 0; i < member->items().size(); ++i) {
    const Json& item = member->items()[i];
    std::string path = fmt::format("{}[{}]", name, i);
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

Result<FieldRef> read_dimension(std::string_view text) {
  MR_ASSIGN(FieldRef field, parse_field(text));
  if (is_time_field(field)) {
    return invalid("a time is no dimension; break down by time with `every`");
  }
  return field;
}

Result<std::optional<Filter>> read_where(const Json& json, const Calendar& calendar, TimeNs now) {
  const Json* where = json.find("where");
  if (where == nullptr) {
    return std::optional<Filter>();
  }
  MR_ASSIGN(Filter filter, parse_filter(*where, "where", calendar, now));
  return std::optional<Filter>(std::move(filter));
}

Result<std::optional<Position>> read_position(const Json& json) {
  MR_ASSIGN(std::string text, read_text(json, "min_position", ""));
  if (text.empty() && json.find("min_position") == nullptr) {
    return std::optional<Position>();
  }
  Result<Position> position = parse_position(text);
  if (!position.ok()) {
    return at("min_position", position.error());
  }
  return std::optional<Position>(std::move(*position));
}

Result<Calendar> read_calendar(const Json& json, StoreReader* store) {
  MR_ASSIGN(std::string name, read_text(json, "time_zone", "UTC"));
  Calendar calendar(store, std::move(name));
  if (Result<void> known = calendar.check(); !known.ok()) {
    return at("time_zone", known.error());
  }
  return calendar;
}

Result<Every> read_every(const Json& json, const TimeRange& range) {
  if (json.find("every") == nullptr) {
    return Every::kNone;
  }
  MR_ASSIGN(std::string word, read_text(json, "every", ""));
  const auto* known = std::find(std::begin(kEveryWords), std::end(kEveryWords), word);
  if (known == std::end(kEveryWords)) {
    return at("every", unknown_word("length", word, kEveryWords));
  }
  auto index = static_cast<std::size_t>(known - std::begin(kEveryWords));
  if (range.all) {
    return invalid("every: \"all\" has no begin; give a range such as [\"2012-01-01\", \"now\"]");
  }
  // One more than fits between the ends: the first and the last may be cut.
  auto buckets = [&](Every every) { return (range.to - range.from - 1) / length_of(every) + 2; };
  if (buckets(every_at(index)) <= kBucketsMax + 1) {
    return every_at(index);
  }
  std::size_t larger = index;
  while (larger + 1 < std::size(kEveryWords) && buckets(every_at(larger)) > kBucketsMax + 1) {
    ++larger;
  }
  return at("every",
            invalid(fmt::format("{} buckets of a {}, at most {} are allowed; use {} or a shorter range",
                                buckets(every_at(index)) - 1, word, kBucketsMax, in_quotes(kEveryWords[larger]))));
}

// Blanks don't matter when a measure is named again: "-quantile(0.95,properties.added)".
std::string without_blanks(std::string_view text) {
  std::string packed(text);
  packed.erase(std::remove(packed.begin(), packed.end(), ' '), packed.end());
  return packed;
}

// The columns of the answer, by name.
std::vector<std::string> columns_of(const MetricQuery& query) {
  std::vector<std::string> columns;
  if (query.every != Every::kNone) {
    columns.push_back("time");
  }
  for (const FieldRef& field : query.by) {
    columns.push_back(field.text);
  }
  for (const Measure& measure : query.measures) {
    columns.push_back(measure.text);
  }
  return columns;
}

Result<void> read_order(const Json& json, MetricQuery& query) {
  std::vector<std::string> columns = columns_of(query);
  std::vector<std::string_view> names(columns.begin(), columns.end());
  struct Entry {
    std::string text;
  };
  auto read = [](const std::string& text) -> Result<Entry> { return Entry{text}; };
  MR_ASSIGN(std::vector<Entry> entries, read_list<Entry>(json, "order", columns.size(), read));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    std::string_view text = trimmed(entries[i].text);
    bool descending = text.starts_with('-');
    text.remove_prefix(descending ? 1 : 0);
    auto same = [&](const std::string& column) { return without_blanks(column) == without_blanks(text); };
    auto column = std::find_if(columns.begin(), columns.end(), same);
    if (column == columns.end()) {
      return at(fmt::format("order[{}]", i), unknown_word("column", text, names));
    }
    query.order.push_back({*column, descending});
  }
  return {};
}

// Answers come in one order each time: by time, else by the first measure; then by what is left.
void complete_order(MetricQuery& query) {
  auto ordered = [&](std::string_view column) {
    return std::any_of(query.order.begin(), query.order.end(),
                       [&](const MetricQuery::Order& order) { return order.column == column; });
  };
  if (query.every != Every::kNone && query.order.empty()) {
    query.order.push_back({"time", false});
  }
  if (!query.by.empty() && !ordered(query.measures[0].text) &&
      (query.order.empty() || query.order[0].column == "time")) {
    query.order.push_back({query.measures[0].text, true});
  }
  if (query.every != Every::kNone && !ordered("time")) {
    query.order.push_back({"time", false});
  }
  for (const FieldRef& field : query.by) {
    if (!ordered(field.text)) {
      query.order.push_back({field.text, false});
    }
  }
}

Result<void> read_budget(const Json& json, const QueryBudget& max, QueryBudget& budget) {
  MR_ASSIGN(budget.time_ms, read_number(json, "max_time_ms", max.time_ms, max.time_ms));
  MR_ASSIGN(budget.memory_bytes, read_number(json, "max_memory_bytes", max.memory_bytes, max.memory_bytes));
  std::int64_t rows_max = max.rows_read == 0 ? INT64_MAX : max.rows_read;
  MR_ASSIGN(budget.rows_read, read_number(json, "max_rows_read", rows_max, max.rows_read));
  return {};
}

Result<bool> read_compare(const Json& json) {
  if (json.find("compare") == nullptr) {
    return false;
  }
  MR_ASSIGN(std::string word, read_text(json, "compare", ""));
  if (word != "previous") {
    constexpr std::string_view kWords[] = {"previous"};
    return at("compare", unknown_word("comparison", word, kWords));
  }
  return true;
}

// The request as it was read, with its times in place of "now": what is equal in all of it has an equal answer.
std::string key_of(const Json& json, const QueryRequest& request) {
  JsonWriter rest;
  rest.begin_object();
  for (const auto& [name, value] : json.members()) {
    if (name != "range" && name != "min_position") {
      rest.key(name).value(value);
    }
  }
  return fmt::format("query\n{}\n{}\n{}\n{}", request.query.project, request.query.from, request.query.to,
                     rest.end_object().text());
}

Result<TimeRange> read_range(const Json& json, const Calendar& calendar, TimeNs now) {
  const Json* range = json.find("range");
  if (range == nullptr) {
    return invalid(
        "range: missing; give [from, to), such as [\"2012-01-01\", \"2013-01-01\"], or \"7d\", or \"all\" for "
        "everything");
  }
  return parse_range(*range, calendar, now);
}

Result<void> read_columns(const Json& json, MetricQuery& query) {
  MR_ASSIGN(query.measures, read_list<Measure>(json, "measures", kMeasuresMax, parse_measure));
  if (query.measures.empty()) {
    if (json.find("measures") != nullptr) {
      return invalid("measures: is empty; use [\"count\"]");
    }
    query.measures.emplace_back();
    query.measures[0].text = "count";
  }
  MR_ASSIGN(query.by, read_list<FieldRef>(json, "by", kDimensionsMax, read_dimension));
  return {};
}

// A plain series shows every bucket, so by default it is as long as there are buckets.
Result<void> read_limit(const Json& json, const TimeRange& range, QueryRequest& request) {
  MetricQuery& query = request.query;
  bool series = query.every != Every::kNone && query.by.empty();
  request.fill = series && query.order[0].column == "time";
  std::int64_t otherwise = kRowsDefault;
  if (series) {
    std::int64_t buckets = (range.to - range.from) / length_of(query.every) + 2;
    otherwise = std::clamp<std::int64_t>(buckets, kRowsDefault, kRowsMax);
  }
  MR_ASSIGN(std::int64_t limit, read_number(json, "limit", kRowsMax, otherwise));
  query.limit = static_cast<std::uint32_t>(limit);
  return {};
}

}  // namespace

Result<QueryRequest> parse_metric_query(std::string_view text, const QueryContext& context) {
  MR_ASSIGN(Json json, parse_members(text, kQueryMembers));
  QueryRequest request;
  MetricQuery& query = request.query;
  query.project = context.project;
  MR_TRY(read_columns(json, query));
  MR_ASSIGN(Calendar calendar, read_calendar(json, context.store));
  query.time_zone = calendar.time_zone();
  MR_ASSIGN(TimeRange range, read_range(json, calendar, context.now));
  query.from = range.from;
  query.to = range.to;
  MR_ASSIGN(query.every, read_every(json, range));
  MR_ASSIGN(query.where, read_where(json, calendar, context.now));
  MR_TRY(read_order(json, query));
  complete_order(query);
  MR_TRY(read_limit(json, range, request));
  MR_TRY(read_budget(json, context.budget_max, request.budget));
  MR_ASSIGN(request.min_position, read_position(json));
  MR_ASSIGN(bool compare, read_compare(json));
  if (compare) {
    MR_ASSIGN(TimeRange before, previous_range(range, calendar));
    request.previous = query;
    request.previous->from = before.from;
    request.previous->to = before.to;
    // Any of its rows may belong to one of the answer's.
    request.previous->limit = kRowsMax;
  }
  request.key = key_of(json, request);
  return request;
}

Result<EventsRequest> parse_events_query(std::string_view text, const QueryContext& context) {
  MR_ASSIGN(Json json, parse_members(text, kEventsMembers));
  EventsRequest request;
  request.query.project = context.project;
  MR_ASSIGN(Calendar calendar, read_calendar(json, context.store));
  TimeRange range;
  if (json.find("range") != nullptr) {
    MR_ASSIGN(range, read_range(json, calendar, context.now));
  } else {
    MR_ASSIGN(Json all, Json::parse("\"all\""));
    MR_ASSIGN(range, parse_range(all, calendar, context.now));
  }
  request.query.from = range.from;
  request.query.to = range.to;
  MR_ASSIGN(request.query.where, read_where(json, calendar, context.now));
  MR_ASSIGN(std::int64_t limit, read_number(json, "limit", kEventsMax, kEventsDefault));
  request.query.limit = static_cast<std::uint32_t>(limit);
  MR_ASSIGN(request.min_position, read_position(json));
  return request;
}

}  // namespace millrace
