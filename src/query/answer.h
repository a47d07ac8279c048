#pragma once
// A store's answer made ready to draw: buckets without events are put in, the answer of the previous period is laid
// beside it row by row, and both become JSON.

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/query.h"

namespace millrace {

// The texts of the values of a JSON array of numbers, strings, booleans and nulls, without parsing them.
std::vector<std::string_view> split_values(std::string_view array);

// Puts a row into a plain series for each bucket that has none, in the order of the query, up to its limit: 0 for
// count, uniq and sum, null for the others. `buckets` as Calendar::buckets() gives them. An answer that was cut short
// is left as it is.
QueryAnswer fill_buckets(const QueryAnswer& answer, const MetricQuery& query, const std::vector<TimeNs>& buckets);

// Rows of `previous` in the order of `answer`: row i is of the same bucket (counted from the begin of each period) and
// the same dimensions as row i of `answer`; where there is none, it is as an empty bucket, or null past the end of the
// period. Buckets are empty when the query has no `every`.
QueryAnswer align(const QueryAnswer& previous, const QueryAnswer& answer, const MetricQuery& query,
                  const std::vector<TimeNs>& buckets, const std::vector<TimeNs>& previous_buckets);

// "columns":[…],"rows":n as members of an object.
void write_rows(JsonWriter& json, const QueryAnswer& answer);
// "cut": null or the limit's name, with "hint" that says what to do about it.
void write_cut(JsonWriter& json, const std::string& cut);

}  // namespace millrace
