#pragma once
// Values within canonical JSON (see event.h), without parsing the whole of it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// Where the JSON value ends that begins at `at` of canonical text; text.size() when it doesn't end.
std::size_t json_value_end(std::string_view text, std::size_t at);

// The value of `path` in a canonical JSON object, as JSON text; nothing when it is absent. No allocation.
std::optional<std::string_view> find_json(std::string_view object, const std::vector<std::string>& escaped_path);
// Keys as they are written between quotes in canonical JSON.
std::vector<std::string> escape_path(const std::vector<std::string>& path);

std::optional<std::int64_t> integer_value(std::string_view json);
std::optional<double> number_value(std::string_view json);
std::optional<bool> boolean_value(std::string_view json);
// Appends the text of a value; false for null.
bool append_text_value(std::string_view json, std::string& to);

}  // namespace millrace
