#pragma once
// Where one JSON value ends, found by brackets and quotes alone: for cutting a text into pieces before its grammar is
// known.

#include <string_view>

namespace millrace {

std::string_view trim_blanks(std::string_view text);

// The place of the , ] or } behind the value that begins at `at`; npos when there is none.
std::size_t end_of_element(std::string_view text, std::size_t at);
// One past the object or array that begins at `at`; npos when it isn't closed.
std::size_t end_of_container(std::string_view text, std::size_t at);

}  // namespace millrace
