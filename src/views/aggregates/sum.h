#pragma once
// sum and mean: of the numbers among the values. What rounding cuts off is kept beside the sum (Neumaier's variant of
// Kahan's summation, https://doi.org/10.1002/zamm.19740540106), so that n numbers in any order and grouping are off by
// at most 2 units in the last place of the sum plus n² · 2^-106 of the sum of their magnitudes: whole numbers whose sum
// stays below 2^53 are exact.

#include <cmath>

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "views/field_value.h"

namespace millrace {

class SumState {
 public:
  std::size_t update(const FieldValue& value) {
    if (value.numeric) {
      add(value.number);
      ++count_;
    }
    return 0;
  }
  void combine(const SumState& other) {
    add(other.sum_);
    rest_ += other.rest_;
    count_ += other.count_;
  }
  void finalize(JsonWriter& json) const { count_ == 0 ? json.null() : json.number(sum()); }
  void finalize_mean(JsonWriter& json) const {
    count_ == 0 ? json.null() : json.number(sum() / static_cast<double>(count_));
  }
  std::size_t heap_bytes() const { return 0; }

  static constexpr std::uint8_t kVersion = 1;
  void append_to(std::string& bytes) const {
    append_le(bytes, sum_);
    append_le(bytes, rest_);
    append_le(bytes, count_);
  }
  Result<void> read(ByteReader& reader) {
    sum_ = reader.number<double>();
    rest_ = reader.number<double>();
    count_ = reader.number<std::uint64_t>();
    return {};
  }

  double sum() const { return sum_ + rest_; }
  std::uint64_t count() const { return count_; }

 private:
  void add(double number) {
    double total = sum_ + number;
    rest_ += std::abs(sum_) >= std::abs(number) ? (sum_ - total) + number : (number - total) + sum_;
    sum_ = total;
  }

  double sum_ = 0;
  double rest_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace millrace
