#include "load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace millrace::load {
namespace {

// One writer: no other can change the value between.
void plus(std::atomic<std::uint64_t>& to, std::uint64_t by) {
  to.store(to.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

std::size_t Histogram::bucket_of(std::uint64_t value) {
  value = std::min(value, (std::uint64_t{1} << kValueBits) - 1);
  auto width = static_cast<unsigned>(std::bit_width(value));
  unsigned exponent = width > kPrecisionBits + 1 ? width - (kPrecisionBits + 1) : 0;
  return (std::size_t{exponent} << kPrecisionBits) + static_cast<std::size_t>(value >> exponent);
}

std::uint64_t Histogram::upper_end(std::size_t bucket) {
  std::size_t in_front = std::size_t{2} << kPrecisionBits;
  std::size_t exponent = bucket < in_front ? 0 : (bucket >> kPrecisionBits) - 1;
  std::uint64_t mantissa = bucket - (exponent << kPrecisionBits);
  return ((mantissa + 1) << exponent) - 1;
}

Histogram& Histogram::operator=(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    counts_[i].store(other.counts_[i].load(std::memory_order_relaxed), std::memory_order_relaxed);
  }
  max_.store(other.max_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return *this;
}

void Histogram::record(TimeNs duration, std::uint64_t times) {
  auto value = static_cast<std::uint64_t>(std::max<TimeNs>(duration, 0));
  plus(counts_[bucket_of(value)], times);
  if (value > max_.load(std::memory_order_relaxed)) {
    max_.store(value, std::memory_order_relaxed);
  }
}

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    plus(counts_[i], other.counts_[i].load(std::memory_order_relaxed));
  }
  max_.store(std::max(max_.load(std::memory_order_relaxed), other.max_.load(std::memory_order_relaxed)),
             std::memory_order_relaxed);
}

Histogram Histogram::since(const Histogram& before) const {
  Histogram difference;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    std::uint64_t count =
        counts_[i].load(std::memory_order_relaxed) - before.counts_[i].load(std::memory_order_relaxed);
    if (count > 0) {
      difference.counts_[i].store(count, std::memory_order_relaxed);
      difference.max_.store(std::min(upper_end(i), max_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
    }
  }
  return difference;
}

std::uint64_t Histogram::count() const {
  std::uint64_t sum = 0;
  for (const std::atomic<std::uint64_t>& count : counts_) {
    sum += count.load(std::memory_order_relaxed);
  }
  return sum;
}

TimeNs Histogram::quantile(double share) const {
  std::uint64_t all = count();
  auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(all)));
  rank = std::clamp<std::uint64_t>(rank, 1, std::max<std::uint64_t>(all, 1));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets && all > 0; ++i) {
    seen += counts_[i].load(std::memory_order_relaxed);
    if (seen >= rank) {
      return std::min(static_cast<TimeNs>(upper_end(i)), max());
    }
  }
  return all > 0 ? max() : 0;
}

}  // namespace millrace::load
