#pragma once
// Users by their popularity: a few do most.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/chance.h"

namespace millrace::load {

// Picks 0 … count-1, the k-th with a weight of 1/(k+1)^exponent (Zipf), in constant time by Vose's alias method.
class Popularity {
 public:
  Popularity(std::size_t count, double exponent);
  std::uint32_t pick(Chance& chance) const {
    std::uint64_t random = chance.next();
    auto at = static_cast<std::size_t>(((random >> 32) * cells_.size()) >> 32);
    return static_cast<std::uint32_t>(random) < cells_[at].own ? static_cast<std::uint32_t>(at) : cells_[at].other;
  }

 private:
  struct Cell {
    std::uint32_t own;  // share of 2^32 in which the cell's own number is picked
    std::uint32_t other;
  };
  std::vector<Cell> cells_;
};

}  // namespace millrace::load
