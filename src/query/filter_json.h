#pragma once
// Filters as JSON: ["=", "event", "signup"], ["and", …], ["not", ["exists", "user_id"]].

#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "model/query.h"
#include "query/calendar.h"

namespace millrace {

inline constexpr int kFilterNodesMax = 100;
inline constexpr int kFilterDepthMax = 10;
inline constexpr std::size_t kFilterListMax = 1000;

// Errors name the wrong part, beginning with `path`: `where[2][1]: unknown field "foo"; …`. Literals of time fields are
// read as parse_time() reads them.
Result<Filter> parse_filter(const Json& json, std::string_view path, const Calendar& calendar, TimeNs now);

}  // namespace millrace
