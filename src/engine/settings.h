#pragma once
// Which of ClickHouse's settings a request may set by URL parameter. docs/engine.md shows the list; a test compares.

#include <span>
#include <string>
#include <string_view>

namespace millrace::engine {

// Exact names, and prefixes that end in `*`.
std::span<const std::string_view> allowed_settings();
bool is_allowed_setting(std::string_view name);

// Parameters of the HTTP interface itself, which are no settings: handled elsewhere, or accepted without effect.
bool is_interface_parameter(std::string_view name);

// 'text', with what must be escaped escaped.
std::string quote_string(std::string_view text);
// `name`, likewise.
std::string quote_name(std::string_view name);

}  // namespace millrace::engine
