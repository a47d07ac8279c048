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
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/json_value.h"
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

}  // namespace millrace::clickhouse
