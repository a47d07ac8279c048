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
#include <algorithm>

#include "http/syntax.h"
#include "query/metric_query_json.h"
#include "query/query_flags.h"
#include "query/short_filter.h"
#include "sql_check.h"
#include "store/clickhouse/metric_sql.h"

namespace {

using namespace millrace;
using Declared = DeclaredProperty::Type;

clickhouse::QuerySchema schema(bool owned) {
  return {"millrace",
          {{"n", Declared::kInteger},
           {"price", Declared::kNumber},
           {"flag", Declared::kBoolean},
           {"s", Declared::kString},
           {"cart.total", Declared::kNumber}},
          owned ? "generation != 1 OR epoch = 2" : ""};
}

void ask(std::string_view json, bool owned) {
  QueryContext context;
  context.project = "it's `default`";
  context.now = 1'800'000'000'000'000'000;
  if (Result<QueryRequest> request = parse_metric_query(json, context); request.ok()) {
    const MetricQuery& query = request->query;
    MR_CHECK(query.from < query.to && query.limit >= 1 && query.limit <= kRowsMax);
    MR_CHECK(!query.measures.empty() && query.measures.size() <= kMeasuresMax && query.by.size() <= kDimensionsMax);
    if (auto sql = clickhouse::metric_sql(query, schema(owned)); sql.ok()) fuzz::check_sql(sql->text);
    if (request->previous) {
      MR_CHECK(request->previous->to <= query.from);
      if (auto sql = clickhouse::metric_sql(*request->previous, schema(owned)); sql.ok()) fuzz::check_sql(sql->text);
    }
  }
}

void ask_events(std::string_view json, bool owned) {
  QueryContext context;
  context.project = "default";
  context.now = 1'800'000'000'000'000'000;
  if (Result<EventsRequest> request = parse_events_query(json, context); request.ok()) {
    MR_CHECK(request->query.limit >= 1 && request->query.limit <= kEventsMax);
    if (auto sql = clickhouse::events_sql(request->query, schema(owned)); sql.ok()) fuzz::check_sql(*sql);
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
  bool owned = (data[0] & 4) != 0;
  switch (data[0] & 3) {
    case 0:
      ask(text, owned);
      ask_events(text, owned);
      break;
    case 1: {
      http::Head head;
      if (!http::parse_target("/v1/query?" + std::string(text), head)) break;
      if (auto json = query_from_url(head.query); json.ok()) ask(*json, owned);
      if (auto json = events_query_from_url(head.query); json.ok()) ask_events(*json, owned);
      break;
    }
    case 2:
      if (auto json = query_json_from_flags(flags_of(text)); json.ok()) ask(*json, owned);
      break;
    default:
      if (auto filter = filter_json_from_text(text); filter.ok())
        ask("{\"range\":\"7d\",\"where\":" + *filter + "}", owned);
  }
  return 0;
}
