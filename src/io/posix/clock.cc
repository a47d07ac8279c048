#include "io/clock.h"

#include <ctime>

#include "base/check.h"

namespace millrace {
namespace {

TimeNs read_clock(clockid_t id) {
  timespec now{};
  MR_CHECK(clock_gettime(id, &now) == 0);
  return static_cast<TimeNs>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

class SystemClock final : public Clock {
 public:
  TimeNs wall() override { return read_clock(CLOCK_REALTIME); }
  TimeNs monotonic() override { return read_clock(CLOCK_MONOTONIC); }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace millrace
