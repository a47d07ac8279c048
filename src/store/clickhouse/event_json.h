#pragma once
// Raw events as GET /v1/events shows them.

#include <string>

#include "store/clickhouse/row_binary.h"

namespace millrace::clickhouse {

// The next row of events_sql()'s answer as one JSON object.
std::string read_event(RowReader& row);

}  // namespace millrace::clickhouse
