#pragma once
// Text from outside that is to be UTF-8.

#include <string_view>

namespace millrace {

bool is_utf8(std::string_view text);

}  // namespace millrace
