#pragma once
// Pseudo-random numbers from a seed, the same on every machine, and users by their popularity.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::load {

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // 0 … bound-1. The bias is below bound / 2^32.
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32); }
  // True in `share` of the cases.
  bool happens(double share) { return static_cast<double>(next() >> 11) * 0x1p-53 < share; }

 private:
  std::uint64_t state_;
};

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
