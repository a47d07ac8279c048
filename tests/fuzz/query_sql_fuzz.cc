// Any question, in each of its three spellings (JSON, URL, flags), all the way to the statement that the engine is
// sent: it is one that sql_check.h lets pass.
//
// The input: a byte that says which spelling, then its text; flags stand one a line, each with the letter of its name
// before it.
//
// dictionary: query
// bytes_max: 1024
// covers: src/query/metric_query_json.cc src/query/query_flags.cc src/query/short_filter.cc
// covers: src/query/filter_json.cc src/query/field.cc src/query/time_range.cc src/query/calendar.cc
// covers: src/query/words.cc src/store/clickhouse/metric_sql.cc src/store/clickhouse/filter_sql.cc
// covers: src/store/clickhouse/field_sql.cc src/store/clickhouse/sql_text.cc
// covers: src/store/clickhouse/property_column.cc
// covers: src/store/clickhouse/kept_property.cc
#include <algorithm>

#include "http/syntax.h"
#include "query/metric_query_json.h"
#include "query/query_flags.h"
#include "query/short_filter.h"
#include "sql_check.h"
#include "store/clickhouse/kept_property.h"
#include "store/clickhouse/metric_sql.h"

namespace {

using namespace millrace;
using Declared = DeclaredProperty::Type;

enum Flag { kOwned = 4, kKept = 8 };

// With kKept, what is asked about has columns of its own, named after it.
clickhouse::QuerySchema schema_for(const MetricQuery& query, int flags) {
  clickhouse::QuerySchema schema{"millrace",
                                 {{"n", Declared::kInteger},
                                  {"price", Declared::kNumber},
                                  {"flag", Declared::kBoolean},
                                  {"s", Declared::kString},
                                  {"cart.total", Declared::kNumber}},
                                 (flags & kOwned) != 0 ? "generation != 1 OR epoch = 2" : "",
                                 {}};
  if ((flags & kKept) != 0) schema.kept = clickhouse::asked_properties(query, schema.declared);
  return schema;
}

void check(const MetricQuery& query, int flags) {
  clickhouse::QuerySchema schema = schema_for(query, flags);
  std::set<std::string> columns;
  for (const clickhouse::KeptProperty& property : schema.kept) columns.insert(clickhouse::kept_column(property));
  if (auto sql = clickhouse::metric_sql(query, schema); sql.ok()) fuzz::check_sql(sql->text, columns);
}

void ask(std::string_view json, int flags) {
  QueryContext context;
  context.project = "it's `default`";
  context.now = 1'800'000'000'000'000'000;
  if (Result<QueryRequest> request = parse_metric_query(json, context); request.ok()) {
    const MetricQuery& query = request->query;
    MR_CHECK(query.from < query.to && query.limit >= 1 && query.limit <= kRowsMax);
    MR_CHECK(!query.measures.empty() && query.measures.size() <= kMeasuresMax && query.by.size() <= kDimensionsMax);
    check(query, flags);
    if (request->previous) {
      MR_CHECK(request->previous->to <= query.from);
      check(*request->previous, flags);
    }
  }
}

void ask_events(std::string_view json, int flags) {
  QueryContext context;
  context.project = "default";
  context.now = 1'800'000'000'000'000'000;
  if (Result<EventsRequest> request = parse_events_query(json, context); request.ok()) {
    MR_CHECK(request->query.limit >= 1 && request->query.limit <= kEventsMax);
    auto sql = clickhouse::events_sql(request->query, schema_for({}, flags & kOwned));
    if (sql.ok()) fuzz::check_sql(*sql, {});
  }
}

QueryFlags flags_of(std::string_view text) {
  QueryFlags flags;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    std::string value = line.substr(1);
    switch (line[0]) {
      case 'm':
        flags.measures.push_back(value);
        break;
      case 'b':
        flags.by.push_back(value);
        break;
      case 'w':
        flags.where.push_back(value);
        break;
      case 'o':
        flags.order.push_back(value);
        break;
      case 'r':
        flags.range = value;
        break;
      case 'f':
        flags.from = value;
        break;
      case 't':
        flags.to = value;
        break;
      case 'e':
        flags.every = value;
        break;
      case 'z':
        flags.time_zone = value;
        break;
      case 'c':
        flags.compare = value;
        break;
      case 'p':
        flags.min_position = value;
        break;
      case 'l':
        flags.limit = value;
        break;
      case 'x':
        flags.max_rows_read = value;
        break;
      default:
        break;
    }
  }
  return flags;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  int flags = data[0];
  switch (data[0] & 3) {
    case 0:
      ask(text, flags);
      ask_events(text, flags);
      break;
    case 1: {
      http::Head head;
      if (!http::parse_target("/v1/query?" + std::string(text), head)) break;
      if (auto json = query_from_url(head.query); json.ok()) ask(*json, flags);
      if (auto json = events_query_from_url(head.query); json.ok()) ask_events(*json, flags);
      break;
    }
    case 2:
      if (auto json = query_json_from_flags(flags_of(text)); json.ok()) ask(*json, flags);
      break;
    default:
      if (auto filter = filter_json_from_text(text); filter.ok())
        ask("{\"range\":\"7d\",\"where\":" + *filter + "}", flags);
  }
  return 0;
}
