#pragma once
// One condition as a person types it: `event = signup`, `properties.added >= 10`, `event in a, b`, `not user_id
// exists`. It becomes a filter in JSON.
//
//   [not] field operator value     operators: = != < <= > >= in contains prefix exists
//
// A value is a JSON literal, or else a text without quotes. Text that begins with `[` is a filter in JSON already.

#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

Result<std::string> filter_json_from_text(std::string_view text);

}  // namespace millrace
