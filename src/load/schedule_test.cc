#include "load/schedule.h"

#include <gtest/gtest.h>

namespace millrace::load {
namespace {

constexpr TimeNs kSecond = 1'000'000'000;

TEST(Schedule, RequestsAreEvenlySpaced) {
  Schedule schedule(200, 0, 10 * kSecond);
  EXPECT_EQ(schedule.total(), 2'000);
  EXPECT_EQ(schedule.due(0), 0);
  EXPECT_EQ(schedule.due(1), kSecond / 200);
  EXPECT_NEAR(static_cast<double>(schedule.due(1'999)), 9.995e9, 10);
}

TEST(Schedule, RampGrowsFromNothingAndJoinsTheFullRate) {
  Schedule schedule(100, 4 * kSecond, 10 * kSecond);
  EXPECT_EQ(schedule.total(), 800) << "half of the rate during the ramp";
  EXPECT_NEAR(static_cast<double>(schedule.due(50)), 2e9, 10) << "a quarter of the ramp's requests in its first half";
  EXPECT_NEAR(static_cast<double>(schedule.due(200)), 4e9, 10);
  EXPECT_NEAR(static_cast<double>(schedule.due(201) - schedule.due(200)), 1e7, 10);
  for (std::uint64_t i = 1; i < schedule.total(); ++i) {
    ASSERT_GE(schedule.due(i), schedule.due(i - 1));
  }
}

}  // namespace
}  // namespace millrace::load
