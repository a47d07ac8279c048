#pragma once
// What somebody probably meant by a field that events don't have.

#include <string_view>

namespace millrace {

// The name of an event's field, or empty when nothing comes near.
std::string_view suggest_field(std::string_view unknown);

}  // namespace millrace
