#include "stream/kafka/seen_messages.h"

#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace millrace {
namespace {

constexpr TimeNs kDay = 24LL * 3600 * 1'000'000'000;

MessageInfo message(std::uint64_t producer, std::uint64_t number) { return {Generation(1), 1, 0, producer, number}; }

TEST(NumberSet, DecidesLikeASetOfNumbers) {
  unsigned seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    NumberSet ours;
    std::set<std::uint64_t> plain;
    for (int i = 0; i < 300; ++i) {
      std::uint64_t number = random() % 200;
      ASSERT_EQ(ours.insert(number), plain.insert(number).second) << "seed " << seed;
    }
    std::size_t count = 0;
    for (const NumberSet::Range& range : ours.ranges()) {
      count += range.end - range.begin;
    }
    ASSERT_EQ(count, plain.size()) << "seed " << seed;
    NumberSet again;
    ASSERT_TRUE(again.assign(ours.ranges())) << "seed " << seed;
  }
}

TEST(NumberSet, WithoutGapsItIsOneRange) {
  NumberSet set;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(set.insert(i));
  }
  EXPECT_EQ(set.ranges(), (std::vector<NumberSet::Range>{{0, 1000}}));
}

TEST(NumberSet, RangesThatTouchOrTurnBackAreRefused) {
  NumberSet set;
  EXPECT_FALSE(set.assign({{0, 3}, {3, 5}}));
  EXPECT_FALSE(set.assign({{5, 3}}));
  EXPECT_FALSE(set.assign({{5, 6}, {1, 2}}));
}

TEST(SeenMessages, ElevenToTwentyMayComeBeforeOneToTen) {
  SeenMessages seen;
  for (std::uint64_t number : {11, 12, 1, 2}) {
    EXPECT_TRUE(seen.first(message(5, number), 0));
  }
  for (std::uint64_t number : {1, 2, 11, 12}) {
    EXPECT_FALSE(seen.first(message(5, number), 0));
  }
  EXPECT_TRUE(seen.first(message(6, 11), 0));
}

TEST(SeenMessages, AProducerThatWasSilentForAWeekIsForgottenWhenANewOneComes) {
  SeenMessages seen;
  EXPECT_TRUE(seen.first(message(1, 0), 0));
  EXPECT_TRUE(seen.first(message(2, 0), 5 * kDay));
  EXPECT_TRUE(seen.first(message(3, 0), 8 * kDay));
  EXPECT_EQ(seen.producers(), 2u);
  EXPECT_FALSE(seen.first(message(2, 0), 8 * kDay));
  EXPECT_TRUE(seen.first(message(1, 0), 8 * kDay));
}

TEST(SeenMessages, ComesBackAsItWas) {
  SeenMessages seen;
  seen.first(message(1, 0), 10);
  seen.first(message(1, 5), 10);
  seen.first(message(9, 2), 20);
  std::string bytes;
  seen.encode(bytes);
  SeenMessages again;
  ByteReader reader(bytes);
  ASSERT_TRUE(again.decode(reader));
  EXPECT_FALSE(again.first(message(1, 5), 20));
  EXPECT_TRUE(again.first(message(1, 4), 20));
  EXPECT_FALSE(again.first(message(9, 2), 20));
}

}  // namespace
}  // namespace millrace
