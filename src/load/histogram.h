#pragma once
// Latencies in log-linear buckets, 128 to a doubling: a quantile is the upper end of its bucket, at most 0.8% above the
// true value and never below it. From 1 ns to 73 minutes; what is longer counts as the longest.
//
// Plain memory without pointers, so that it can lie in memory that processes share: one process records, others may
// read at any time.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/strong.h"

namespace millrace::load {

class Histogram {
 public:
  Histogram() = default;
  Histogram(const Histogram& other) { *this = other; }
  Histogram& operator=(const Histogram& other);

  void record(TimeNs duration, std::uint64_t times = 1);
  void add(const Histogram& other);
  // What was recorded here and not yet in `before`, an earlier copy. Its max() is the upper end of a bucket.
  Histogram since(const Histogram& before) const;

  std::uint64_t count() const;
  TimeNs quantile(double share) const;  // 0 when nothing was recorded
  TimeNs max() const { return static_cast<TimeNs>(max_.load(std::memory_order_relaxed)); }

  static constexpr unsigned kPrecisionBits = 7;
  static constexpr unsigned kValueBits = 42;
  static constexpr std::size_t kBuckets = std::size_t{kValueBits - kPrecisionBits + 1} << kPrecisionBits;
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t upper_end(std::size_t bucket);

 private:
  std::array<std::atomic<std::uint64_t>, kBuckets> counts_{};
  std::atomic<std::uint64_t> max_ = 0;
};

}  // namespace millrace::load
