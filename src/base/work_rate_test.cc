#include "base/work_rate.h"

#include <gtest/gtest.h>

#include "base/time_format.h"

namespace millrace {
namespace {

TEST(WorkRate, NothingWaitsBeforeAnythingWasDone) { EXPECT_EQ(WorkRate(1e6).ns_per_byte(), 0); }

TEST(WorkRate, IsWhatWasDoneLately) {
  WorkRate rate(1e6);
  for (int i = 0; i < 100; ++i) rate.worked(1'000'000, 10 * kMillisecond);
  EXPECT_DOUBLE_EQ(rate.ns_per_byte(), 10);
  for (int i = 0; i < 100; ++i) rate.worked(1'000'000, 40 * kMillisecond);
  EXPECT_NEAR(rate.ns_per_byte(), 40, 0.01) << "what was before is forgotten";
}

TEST(WorkRate, IsNeverLessThanItsLeast) {
  WorkRate rate(1e6);
  rate.worked(1, 1000 * kMillisecond);
  EXPECT_DOUBLE_EQ(rate.ns_per_byte(), 1000);
}

}  // namespace
}  // namespace millrace
