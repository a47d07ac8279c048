#include "ingest/admission.h"

#include <vector>

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr std::int64_t kWaitingMax = 100;

class AdmissionTest : public testing::Test {
 protected:
  bool admit(std::string_view key, std::size_t bytes, std::int64_t waiting_ms = 0) {
    std::optional<Reservation> admitted = admission_.admit(key, bytes, waiting_ms);
    if (!admitted) {
      return false;
    }
    held_.push_back(*std::move(admitted));
    return true;
  }

  Metrics metrics_;
  Admission admission_{1000, kWaitingMax, metrics_};
  std::vector<Reservation> held_;
};

TEST_F(AdmissionTest, OneKeyAloneHasAllOfTheRoom) {
  EXPECT_TRUE(admit("a", 600));
  EXPECT_TRUE(admit("a", 400));
  EXPECT_FALSE(admit("a", 1));
  held_.clear();
  EXPECT_TRUE(admit("a", 1000));
}

TEST_F(AdmissionTest, ARequestLargerThanTheBoundIsAdmittedAlone) {
  EXPECT_TRUE(admit("a", 5000));
  EXPECT_FALSE(admit("b", 1));
}

TEST_F(AdmissionTest, TheLastQuarterIsForKeysThatHaveLessThanTheirShare) {
  EXPECT_TRUE(admit("few", 10));
  while (admit("many", 20)) {
  }
  EXPECT_LE(metrics_.get(Metric::kIngestBytesInFlight), 750);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(admit("few", 20));
    EXPECT_FALSE(admit("many", 20));
  }
}

TEST_F(AdmissionTest, WhenRequestsWaitTooLongTheKeyThatSendsMostIsRefusedFirst) {
  EXPECT_TRUE(admit("many", 400));
  EXPECT_TRUE(admit("many", 10, kWaitingMax - 1));
  EXPECT_FALSE(admit("many", 10, kWaitingMax));
  EXPECT_TRUE(admit("few", 10, kWaitingMax));
  EXPECT_TRUE(admit("few", 10, 20 * kWaitingMax));
  EXPECT_FALSE(admit("few", 500, 20 * kWaitingMax)) << "that is more than its share";
}

TEST_F(AdmissionTest, AKeyThatHasLessThanItsShareGoesBeforeTheOthers) {
  EXPECT_TRUE(admit("many", 100));
  EXPECT_FALSE(held_.back().goes_first()) << "nobody else sends";
  EXPECT_TRUE(admit("few", 10));
  EXPECT_TRUE(held_.back().goes_first());
  EXPECT_TRUE(admit("many", 100));
  EXPECT_FALSE(held_.back().goes_first());
}

TEST_F(AdmissionTest, WhatIsGivenBackCountsNoMore) {
  EXPECT_TRUE(admit("many", 400));
  EXPECT_TRUE(admit("few", 10));
  EXPECT_FALSE(admit("many", 10, kWaitingMax));
  held_.clear();
  EXPECT_TRUE(admit("few", 100));
  EXPECT_TRUE(admit("many", 10, kWaitingMax));
}

TEST_F(AdmissionTest, AReservationCanGrowAndShrink) {
  ASSERT_TRUE(admit("a", 100));
  EXPECT_TRUE(held_[0].resize(900));
  EXPECT_FALSE(admit("b", 200));
  EXPECT_TRUE(held_[0].resize(100));
  EXPECT_TRUE(admit("b", 200));
  EXPECT_FALSE(held_[0].resize(900));
  EXPECT_EQ(metrics_.get(Metric::kIngestBytesInFlight), 300);
  held_.clear();
  EXPECT_EQ(metrics_.get(Metric::kIngestBytesInFlight), 0);
}

}  // namespace
}  // namespace millrace
