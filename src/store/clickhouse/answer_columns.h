#pragma once
// Splits an answer in JSONCompactColumns ([[…],[…]]) into its columns, without reading the values.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/query.h"

namespace millrace::clickhouse {

// Fills values_json of answer.columns, whose number must be that of the arrays; sets rows, and cut ("limit") when there
// were more than `limit`: those beyond are left out. kUnavailable when the text is no such answer.
Result<void> read_columns(std::string_view text, std::uint32_t limit, QueryAnswer& answer);

}  // namespace millrace::clickhouse
