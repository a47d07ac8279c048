#pragma once
// mean: the sum of the numbers through how many there are; see sum.h for the bound.

#include "views/aggregates/sum.h"

namespace millrace {

class MeanState : public SumState {
 public:
  void combine(const MeanState& other) { SumState::combine(other); }
  void finalize(JsonWriter& json) const { finalize_mean(json); }
};

}  // namespace millrace
