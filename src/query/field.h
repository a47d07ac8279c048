#pragma once
// Fields and measures as text: `user_id`, `properties.cart.total`, `properties."a.b"`, `quantile(0.95,
// properties.added)`.

#include <string_view>

#include "base/result.h"
#include "model/query.h"

namespace millrace {

inline constexpr std::size_t kFieldPathMax = 8;         // parts of a path
inline constexpr std::size_t kFieldPartBytesMax = 256;  // the longest key that an event may have

// Errors say what is wrong, not where: the caller puts the place in front.
Result<FieldRef> parse_field(std::string_view text);
Result<Measure> parse_measure(std::string_view text);
// The same; what is said of an unknown one names `top` too, which views alone have, and which their reader reads.
Result<Measure> parse_plain_measure_of_view(std::string_view text);

inline bool is_time_field(const FieldRef& field) {
  return field.kind == FieldRef::Kind::kBase && (field.base == "time" || field.base == "received");
}
// Of the fields that are text in every event: event, user_id, …
inline bool is_text_field(const FieldRef& field) {
  return field.kind == FieldRef::Kind::kBase && !is_time_field(field);
}

}  // namespace millrace
