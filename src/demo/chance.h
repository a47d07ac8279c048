#pragma once
// Random numbers of the made-up product: from a seed, the same on every machine (SplitMix64, Steele et al. 2014).

#include <cmath>
#include <cstdint>
#include <span>
#include <utility>

namespace millrace {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // 0 ≤ … < 1
  bool of(double probability) { return unit() < probability; }
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
