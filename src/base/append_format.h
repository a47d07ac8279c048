#pragma once
// fmt::format that appends. The library's own way, format_to with an iterator, has each caller compile the whole
// formatting of every type: a third of the time that a build took.

#include <string>

#include <fmt/core.h>

namespace millrace {

void append_formatted(std::string& to, fmt::string_view format, fmt::format_args values);

template <typename... Values>
void append_format(std::string& to, fmt::format_string<Values...> format, Values&&... values) {
  append_formatted(to, format, fmt::make_format_args(values...));
}

}  // namespace millrace
