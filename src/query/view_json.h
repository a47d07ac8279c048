#pragma once
// Declarations of views: {"name", "where", "by", "grain", "measures", "horizon", "keys_max"}; docs/guides/live.md.

#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "views/view.h"

namespace millrace {

// Errors: kInvalid, naming the wrong part. `json` of the result is the declaration with everything that was left out.
Result<ViewSpec> parse_view(const Json& json, const std::string& project, ViewOrigin origin);

// events_by_second and events_by_minute: there without being asked for.
std::vector<ViewSpec> built_in_views(const std::string& project);

// "250ms", "15m", "24h", "2d".
Result<TimeNs> parse_duration(std::string_view text);

}  // namespace millrace
