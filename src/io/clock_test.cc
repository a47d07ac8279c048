#include "io/clock.h"

#include <set>

#include <gtest/gtest.h>

#include "io/random.h"

namespace millrace {
namespace {

TEST(ClockTest, MonotonicTimeNeverGoesBack) {
  TimeNs before = system_clock().monotonic();
  for (int i = 0; i < 10'000; ++i) {
    TimeNs now = system_clock().monotonic();
    ASSERT_GE(now, before);
    before = now;
  }
}

TEST(ClockTest, WallTimeIsOfThisCentury) {
  EXPECT_GT(system_clock().wall(), 1'600'000'000'000'000'000);
  EXPECT_LT(system_clock().wall(), 4'102'444'800'000'000'000);
}

TEST(ClockTest, AManualClockStandsStillUntilItIsTold) {
  ManualClock clock(1000);
  EXPECT_EQ(clock.wall(), 1000);
  clock.advance(5);
  EXPECT_EQ(clock.wall(), 1005);
  EXPECT_EQ(clock.monotonic(), 5);
  clock.set_wall(1);
  EXPECT_EQ(clock.wall(), 1);
  EXPECT_EQ(clock.monotonic(), 5);
}

TEST(RandomTest, NumbersDiffer) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(random_number());
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(random_bytes(33).size(), 33u);
  EXPECT_TRUE(random_bytes(0).empty());
}

}  // namespace
}  // namespace millrace
