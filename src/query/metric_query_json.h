#pragma once
// The body of POST /v1/query → what the store is asked. The vocabulary is in docs/guides/asking.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/query.h"
#include "query/calendar.h"
#include "stream/progress.h"

namespace millrace {

inline constexpr std::size_t kMeasuresMax = 10;
inline constexpr std::size_t kDimensionsMax = 3;
inline constexpr std::uint32_t kRowsMax = 10'000;
inline constexpr std::int64_t kBucketsMax = 10'000;
inline constexpr std::uint32_t kRowsDefault = 1'000;
inline constexpr std::uint32_t kEventsMax = 1'000;
inline constexpr std::uint32_t kEventsDefault = 100;

// Who asks, when, and within what.
struct QueryContext {
  std::string project;
  TimeNs now = 0;                // wall clock
  StoreReader* store = nullptr;  // for time zones; null: UTC alone
  QueryBudget budget_max;        // what a query may take at most, and takes when it doesn't say
};

// A query, ready to be run.
struct QueryRequest {
  MetricQuery query;
  std::optional<MetricQuery> previous;  // compare: the same of the period before
  QueryBudget budget;                   // for both together
  std::optional<Position> min_position;
  // Buckets without events shall be shown: a series over time and nothing else, in the order of time.
  bool fill = false;
  // Equal for requests whose answers are equal.
  std::string key;
};

// Errors: kInvalid, naming the wrong part by its path in the JSON; kUnavailable when a time zone could not be asked
// for.
Result<QueryRequest> parse_metric_query(std::string_view json, const QueryContext& context);

// Raw events: where, range (all by default), time_zone, limit, min_position.
struct EventsRequest {
  EventsQuery query;
  std::optional<Position> min_position;
};
Result<EventsRequest> parse_events_query(std::string_view json, const QueryContext& context);

}  // namespace millrace
