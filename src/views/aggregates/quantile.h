#pragma once
// quantile: of the numbers among the values, linear between neighbours, from a log-linear histogram: each power of two
// is cut into 128 steps of equal width (the bits of a double that begin its mantissa), and a number is shown as the
// begin of its step: at most 1/128 (0.78%) less in magnitude; whole numbers up to 256 are exact. Magnitudes below 2^-40
// count as 0, those beyond 2^80 as 2^80.
//
// Counts per step add up, so that any grouping of parts gives the same state.

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "views/field_value.h"

namespace millrace {

class QuantileState {
 public:
  std::size_t update(const FieldValue& value) { return value.numeric ? add(value.number) : 0; }
  void combine(const QuantileState& other);
  // Level 0 … 1; null when there is no number.
  void finalize(JsonWriter& json, double level) const;
  std::size_t heap_bytes() const { return few_.capacity() * sizeof(Step) + counts_.size() * sizeof(std::uint64_t); }

  static constexpr std::uint8_t kVersion = 1;
  // u32 number of steps with a count, then for each, ascending: i32 step, u64 count.
  void append_to(std::string& bytes) const;
  Result<void> read(ByteReader& reader);

  std::size_t add(double number, std::uint64_t times = 1);
  double at(double level) const;  // count() > 0
  std::uint64_t count() const { return count_; }

 private:
  struct Step {
    std::int32_t number = 0;
    std::uint64_t count = 0;
  };
  static constexpr std::size_t kFewMax = 12;
  std::size_t add_step(std::int32_t step, std::uint64_t times);
  void make_room(std::int32_t step);
  std::vector<Step> steps() const;  // ascending

  std::uint64_t count_ = 0;
  std::vector<Step> few_;              // while there are few: in no order
  std::int32_t first_ = 0;             // the step of counts_[0]
  std::vector<std::uint64_t> counts_;  // then: a run of steps
};

}  // namespace millrace
