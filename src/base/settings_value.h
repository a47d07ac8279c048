#pragma once
// One setting's value as text: reading, bounds, showing. For settings*.cc and their tests.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "base/settings.h"

namespace millrace::settings_detail {

// "64MiB", "64MB", "4096". Nothing for anything else, fractions and overflow among it.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
// In the largest unit that loses nothing; parse_bytes reads it back.
std::string format_bytes(std::uint64_t bytes);

// "400ms", "10s", "5m", "24h", "7d".
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::milliseconds duration);

using Value = std::variant<std::string, bool, std::int64_t, std::uint64_t, std::chrono::milliseconds>;

// Reads and checks against type and bounds; the error's message goes on after the setting's name: "must be …, not …".
Result<Value> parse_value(const SettingInfo& info, std::string_view text);
// As parse_value reads it; secrets and passwords in URLs replaced by "***".
std::string format_value(const SettingInfo& info, const Value& value);

// "an integer, 1 or more", "a size in bytes such as 64MiB, 1KiB to 1GiB", …
std::string describe_type(const SettingInfo& info);

// The member of `values` that the table's row `index` names.
void assign(SettingValues& values, std::size_t index, Value value);
Value value_of(const SettingValues& values, std::size_t index);

// The row of the table; nothing when unknown.
std::optional<std::size_t> find_setting(std::string_view path);
// "; did you mean \"http.threads\"?", or empty when nothing is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace millrace::settings_detail
