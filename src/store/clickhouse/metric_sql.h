#pragma once
// A metric query as one SELECT over the table `events`. Pure: the same query gives the same text.
//
// uniq is exact (uniqExact) and quantile is exact with linear interpolation between ranks (quantileExactInclusive):
// both keep every distinct value or every value in memory, within the query's memory budget.

#include <string>
#include <vector>

#include "base/result.h"
#include "model/query.h"
#include "store/clickhouse/connection.h"
#include "store/clickhouse/field_sql.h"
#include "store/store.h"

namespace millrace::clickhouse {

struct MetricSql {
  std::string text;                   // gives one row more than the limit when there are more
  std::vector<AnswerColumn> columns;  // names and types, without values
};

// kInvalid says what is wrong with the query.
Result<MetricSql> metric_sql(const MetricQuery& query, const QuerySchema& schema);

// SELECT of the raw events, newest first: event, user_id, anonymous_id, session_id, message_id, properties, context
// (String), time, sent, received (Int64 ns), generation (UInt32), partition (UInt16), sequence (UInt64).
Result<std::string> events_sql(const EventsQuery& query, const QuerySchema& schema);

// What every question must be asked with, so that buckets before 1970 and after 2106 are right and JSON is as we read
// it.
Settings query_settings();

// The bucket of `every` that an instant lies in, in a time zone (a quoted literal): DateTime64, or Date32 for weeks and
// months.
std::string bucket_sql(Every every, const std::string& time, const std::string& zone);

// Letters, digits and "_+-/", as in the names of the IANA data base.
bool is_time_zone_name(const std::string& name);

}  // namespace millrace::clickhouse
