// Any bytes → query, by all three ways in; what is taken stays within its bounds.
//
// dictionary: query
// bytes_max: 1024
// covers: src/query/metric_query_json.cc src/query/query_flags.cc src/query/short_filter.cc
// covers: src/query/filter_json.cc src/query/field.cc src/query/time_range.cc src/query/calendar.cc
// covers: src/query/words.cc
#include "base/check.h"
#include "query/metric_query_json.h"
#include "query/query_flags.h"
#include "query/short_filter.h"

namespace {

int nodes(const millrace::Filter& filter) {
  int count = 1;
  for (const millrace::Filter& part : filter.parts) {
    count += nodes(part);
  }
  return count;
}

void read(std::string_view json) {
  millrace::QueryContext context;
  context.project = "default";
  context.now = 1'800'000'000'000'000'000;
  millrace::Result<millrace::QueryRequest> request = millrace::parse_metric_query(json, context);
  if (!request.ok()) {
    MR_CHECK(!request.error().message.empty());
    return;
  }
  const millrace::MetricQuery& query = request->query;
  MR_CHECK(query.from < query.to && query.limit >= 1 && query.limit <= millrace::kRowsMax);
  MR_CHECK(!query.measures.empty() && query.measures.size() <= millrace::kMeasuresMax);
  MR_CHECK(query.by.size() <= millrace::kDimensionsMax);
  // A null in a list of values becomes three nodes of its one.
  MR_CHECK(!query.where || nodes(*query.where) <= 4 * 100);
  MR_CHECK(!request->previous || request->previous->to <= query.from);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text);
  if (millrace::Result<std::string> filter = millrace::filter_json_from_text(text); filter.ok()) {
    read("{\"range\":\"7d\",\"where\":" + *filter + "}");
  }
  millrace::QueryFlags flags;
  flags.measures = {std::string(text)};
  flags.range = text;
  if (millrace::Result<std::string> json = millrace::query_json_from_flags(flags); json.ok()) {
    read(*json);
  }
  return 0;
}
