#pragma once
// A query as flags of the command line and as URL parameters. Both become the JSON of POST /v1/query, so that there is
// one reader of the vocabulary (metric_query_json.h).

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace {

// As they are typed. Empty: not given.
struct QueryFlags {
  std::vector<std::string> measures;  // each may be a list: "count,uniq(user_id)"
  std::vector<std::string> by;        // the same
  std::vector<std::string> where;     // each one condition, or a filter in JSON; all must hold
  std::string range;                  // "7d", or "2012-01-01,2013-01-01"
  std::string from, to;               // instead of range; `to` alone is refused, `from` alone goes on until now
  std::string every, time_zone, compare, min_position;
  std::vector<std::string> order;                                   // "-count,properties.extension"
  std::string limit, max_time_ms, max_memory_bytes, max_rows_read;  // whole numbers
};

// The query in JSON. Errors name the flag by its JSON name: `where: …`.
Result<std::string> query_json_from_flags(const QueryFlags& flags);

using UrlParameters = std::vector<std::pair<std::string, std::string>>;

// The query in JSON, from decoded parameters: measures, by, where, range, from, to, every, time_zone, order, limit,
// compare, min_position, max_time_ms, max_memory_bytes, max_rows_read. Unknown ones are refused.
Result<std::string> query_from_url(const UrlParameters& parameters);

// The same for GET /v1/events: where, range, from, to, time_zone, limit, min_position.
Result<std::string> events_query_from_url(const UrlParameters& parameters);

}  // namespace millrace
