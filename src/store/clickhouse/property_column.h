#pragma once
// Declared properties: the typed column beside the JSON text, and how its value follows from the text. The same rules
// in SQL (for parts from before the declaration) and in C++ (for every row that is inserted):
//
//   integer  a JSON number that is whole and fits 64 bits        Nullable(Int64)
//   number   any JSON number                                     Nullable(Float64)
//   string   a string's text; any other value's JSON text        Nullable(String)
//   boolean  true or false                                       Nullable(Bool)
//
// and NULL for everything else: absent, null, or another type.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace millrace::clickhouse {

// "cart.total" is {"cart", "total"}.
std::vector<std::string> split_path(std::string_view name);

// kInvalid for a name that can't be a column: empty parts, control characters, '`', ':' or '\\', more than 200 bytes.
Result<void> check_declared(const DeclaredProperty& property);
// "p_added"; "p_cart:total" (a dot would make it a member of a Nested column).
std::string column_name(const DeclaredProperty& property);
std::string column_type(DeclaredProperty::Type type);
std::string column_codec(DeclaredProperty::Type type);
// The column's value computed from the column `properties`.
std::string column_default(const DeclaredProperty& property);

// JSONExtractRaw(…) and JSONExtract(…, 'Nullable(String)') over a JSON column.
std::string json_raw(std::string_view column, const std::vector<std::string>& path);
std::string json_text(std::string_view column, const std::vector<std::string>& path);

// The value of `path` in a canonical JSON object, as JSON text; nothing when it is absent. No allocation.
std::optional<std::string_view> find_json(std::string_view object, const std::vector<std::string>& escaped_path);
// Keys as they are written between quotes in canonical JSON.
std::vector<std::string> escape_path(const std::vector<std::string>& path);

std::optional<std::int64_t> integer_value(std::string_view json);
std::optional<double> number_value(std::string_view json);
std::optional<bool> boolean_value(std::string_view json);
// Appends the text of a value; false for null.
bool append_text_value(std::string_view json, std::string& to);

}  // namespace millrace::clickhouse
