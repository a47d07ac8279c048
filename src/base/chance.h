#pragma once
// Pseudo-random numbers from a seed, the same on every machine: SplitMix64 (Steele, Lea, Flood: Fast splittable
// pseudorandom number generators, 2014). For made-up traffic, never for secrets.

#include <cmath>
#include <cstdint>
#include <span>
#include <utility>

namespace millrace {

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
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // 0 ≤ … < 1
  // True in `share` of the cases.
  bool happens(double share) { return unit() < share; }
  // Waiting time until the next of events that come `per_second` on average; seconds.
  double wait(double per_second) { return -std::log(1.0 - unit()) / per_second; }
  // Around `median`; two thirds lie between median / spread and median · spread.
  double log_normal(double median, double spread) {
    double normal = std::sqrt(-2.0 * std::log(1.0 - unit())) * std::cos(2.0 * M_PI * unit());
    return median * std::exp(normal * std::log(spread));
  }
  // One of the choices, each with its weight.
  template <typename Choice>
  const Choice& pick(std::span<const std::pair<double, Choice>> choices) {
    double total = 0;
    for (const auto& [weight, choice] : choices) {
      total += weight;
    }
    double at = unit() * total;
    for (const auto& [weight, choice] : choices) {
      if ((at -= weight) < 0) {
        return choice;
      }
    }
    return choices.back().second;
  }

 private:
  std::uint64_t state_;
};

}  // namespace millrace
