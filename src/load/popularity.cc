#include "load/popularity.h"

#include <algorithm>
#include <cmath>

namespace millrace::load {

Popularity::Popularity(std::size_t count, double exponent) : cells_(count) {
  std::vector<double> share(count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += share[i] = std::pow(static_cast<double>(i + 1), -exponent);
  }
  std::vector<std::uint32_t> poor;
  std::vector<std::uint32_t> rich;
  for (std::size_t i = 0; i < count; ++i) {
    share[i] *= static_cast<double>(count) / sum;  // 1 is a cell's fill
    (share[i] < 1 ? poor : rich).push_back(static_cast<std::uint32_t>(i));
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    cells_[i] = {UINT32_MAX, i};
  }
  while (!poor.empty() && !rich.empty()) {
    std::uint32_t less = poor.back();
    std::uint32_t more = rich.back();
    poor.pop_back();
    cells_[less] = {static_cast<std::uint32_t>(std::min(share[less] * 0x1p32, 0x1p32 - 1)), more};
    share[more] -= 1 - share[less];
    if (share[more] < 1) {
      rich.pop_back();
      poor.push_back(more);
    }
  }
}

}  // namespace millrace::load
