#pragma once
// Time comes from here alone, so that tests and the simulator can set it.

#include "base/strong.h"

namespace millrace {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall-clock time; may jump in either direction. For what people see: received times, retention.
  virtual TimeNs wall() = 0;
  // Nanoseconds since an arbitrary start; never goes back. For durations and deadlines.
  virtual TimeNs monotonic() = 0;
};

// The machine's clocks. Lives for ever.
Clock& system_clock();

// Stands still until it is told otherwise. For tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(TimeNs wall_start) : wall_(wall_start) {}
  TimeNs wall() override { return wall_; }
  TimeNs monotonic() override { return monotonic_; }
  void advance(TimeNs by) { wall_ += by, monotonic_ += by; }
  void set_wall(TimeNs wall) { wall_ = wall; }

 private:
  TimeNs wall_;
  TimeNs monotonic_ = 0;
};

}  // namespace millrace
