#include "load/histogram.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/chance.h"

namespace millrace::load {
namespace {

TEST(Histogram, BucketsMeetWithoutGapsAndAreNarrow) {
  for (std::size_t bucket = 0; bucket + 1 < Histogram::kBuckets; ++bucket) {
    std::uint64_t end = Histogram::upper_end(bucket);
    ASSERT_EQ(Histogram::bucket_of(end), bucket);
    ASSERT_EQ(Histogram::bucket_of(end + 1), bucket + 1);
    ASSERT_LE(Histogram::upper_end(bucket + 1) - end, 1 + end / 128);
  }
  EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
}

TEST(Histogram, QuantilesAreAtMostOneBucketAboveTheTruth) {
  Histogram histogram;
  Chance chance(7);
  std::vector<TimeNs> all;
  for (int i = 0; i < 20'000; ++i) {
    all.push_back(static_cast<TimeNs>(chance.next() >> (24 + chance.below(30))));
    histogram.record(all.back());
  }
  std::sort(all.begin(), all.end());
  for (double share : {0.0, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(share * 20'000))) - 1;
    EXPECT_GE(histogram.quantile(share), all[rank]) << share;
    EXPECT_LE(histogram.quantile(share), all[rank] + all[rank] / 128 + 1) << share;
  }
  EXPECT_EQ(histogram.max(), all.back());
  EXPECT_EQ(histogram.count(), 20'000);
}

TEST(Histogram, SinceIsWhatCameBetween) {
  Histogram histogram;
  histogram.record(1'000);
  Histogram before = histogram;
  histogram.record(5'000, 3);
  Histogram between = histogram.since(before);
  EXPECT_EQ(between.count(), 3);
  EXPECT_NEAR(static_cast<double>(between.quantile(0.5)), 5'000, 40);
  before.add(between);
  EXPECT_EQ(before.count(), 4);
  EXPECT_EQ(Histogram().quantile(0.5), 0);
}

}  // namespace
}  // namespace millrace::load
