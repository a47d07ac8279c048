#pragma once
// min and max: the smallest and largest of the numbers among the values. Exact.

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "views/field_value.h"

namespace millrace {

template <bool kSmallest>
class ExtremeState {
 public:
  std::size_t update(const FieldValue& value) {
    if (value.numeric) {
      take(value.number);
    }
    return 0;
  }
  void combine(const ExtremeState& other) { take(other.number_); }
  void finalize(JsonWriter& json) const { json.number(number_); }  // null when there was none: it isn't finite then
  std::size_t heap_bytes() const { return 0; }

  static constexpr std::uint8_t kVersion = 1;
  void append_to(std::string& bytes) const { append_le(bytes, number_); }
  Result<void> read(ByteReader& reader) { return number_ = reader.number<double>(), Result<void>(); }

  double number() const { return number_; }

 private:
  void take(double number) { number_ = kSmallest ? std::min(number_, number) : std::max(number_, number); }

  double number_ = kSmallest ? std::numeric_limits<double>::infinity() : -std::numeric_limits<double>::infinity();
};

using MinState = ExtremeState<true>;
using MaxState = ExtremeState<false>;

}  // namespace millrace
