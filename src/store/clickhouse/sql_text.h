#pragma once
// Text that becomes part of ClickHouse's SQL. Nothing that came from outside gets into a statement but through these.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/strong.h"

namespace millrace::clickhouse {

// 'it\'s': a string literal. Every byte that could end it or that an editor can't show is escaped.
std::string quote_string(std::string_view text);
// `events`: an identifier.
std::string quote_name(std::string_view name);
// A number that reads back as the same double; never called with one that isn't finite.
std::string number_text(double value);
// A DateTime64(9, 'UTC') constant.
std::string time_text(TimeNs time);
// The same from RFC 3339 text; nothing when it is none.
std::optional<std::string> rfc3339_sql(std::string_view text);

// Whether `name` may be a database: letters, digits and underscores, not starting with a digit, at most 64.
bool is_plain_name(std::string_view name);

}  // namespace millrace::clickhouse
