#pragma once
// When each request is meant to be sent: fixed before the first one is, so that a slow answer delays no later request's
// due time. Evenly spaced at a rate that grows from nothing during the ramp.

#include <cmath>
#include <cstdint>

#include "base/strong.h"

namespace millrace::load {

class Schedule {
 public:
  // `rate`: requests a second, above 0; `ramp` at most `duration`.
  Schedule(double rate, TimeNs ramp, TimeNs duration)
      : per_ns_(rate / 1e9), ramp_(static_cast<double>(ramp)), in_ramp_(per_ns_ * ramp_ / 2) {
    total_ = static_cast<std::uint64_t>(in_ramp_ + per_ns_ * (static_cast<double>(duration) - ramp_) + 1e-6);
  }

  // Nanoseconds after the begin of request `number`, counted from 0; never falls.
  TimeNs due(std::uint64_t number) const {
    auto n = static_cast<double>(number);
    return static_cast<TimeNs>(n < in_ramp_ ? std::sqrt(2 * n * ramp_ / per_ns_) : ramp_ + (n - in_ramp_) / per_ns_);
  }
  std::uint64_t total() const { return total_; }

 private:
  double per_ns_;
  double ramp_;
  double in_ramp_;  // requests during the ramp
  std::uint64_t total_ = 0;
};

}  // namespace millrace::load
