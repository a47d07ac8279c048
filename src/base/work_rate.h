#pragma once
// How fast work was done lately, and so how long what waits will take. The age of what waits longest says that only
// when it is too late: by then as much again has come behind it.

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace millrace {

// One thread at a time.
class WorkRate {
 public:
  // Work is never taken for slower than this: a little of it says nothing about much.
  explicit WorkRate(double bytes_per_second_min) : ns_per_byte_max_(1e9 / bytes_per_second_min) {}

  // `ns`: of the wall clock, while there was work all the time.
  void worked(std::size_t bytes, std::int64_t ns) {
    bytes_ += static_cast<double>(bytes);
    ns_ += static_cast<double>(ns);
    if (ns_ > kRememberedNs) {
      bytes_ /= 2;
      ns_ /= 2;
    }
  }

  double ns_per_byte() const { return std::min(ns_ / std::max(bytes_, 1.0), ns_per_byte_max_); }

 private:
  static constexpr double kRememberedNs = 100e6;
  const double ns_per_byte_max_;
  double bytes_ = 0;
  double ns_ = 0;
};

}  // namespace millrace
