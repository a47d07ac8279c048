#include "base/append_format.h"

#include <iterator>

#include <fmt/format.h>

namespace millrace {

void append_formatted(std::string& to, fmt::string_view format, fmt::format_args values) {
  fmt::vformat_to(std::back_inserter(to), format, values);
}

}  // namespace millrace
