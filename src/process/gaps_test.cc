#include "process/gaps.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace millrace {
namespace {

SequenceRange range(std::uint64_t begin, std::uint64_t end) { return {SequenceNumber(begin), SequenceNumber(end)}; }

TEST(Gaps, CountsPlacesWithoutARowInAnyRange) {
  Gaps gaps;
  gaps.add(range(2, 4));
  gaps.add(range(4, 5));
  gaps.add(range(9, 10));
  EXPECT_EQ(gaps.ranges(), 2u);
  EXPECT_EQ(gaps.count(range(0, 100)), 4u);
  EXPECT_EQ(gaps.rows(range(0, 10)), 6u);
  EXPECT_EQ(gaps.count(range(3, 9)), 2u);
  EXPECT_TRUE(gaps.contains(SequenceNumber(4)));
  EXPECT_FALSE(gaps.contains(SequenceNumber(5)));
}

TEST(Gaps, ActLikeASetOfPlaces) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    std::mt19937_64 random(seed);
    Gaps gaps;
    std::set<std::uint64_t> places;
    std::uint64_t floor = 0;
    for (int i = 0; i < 200; ++i) {
      std::uint64_t begin = floor + random() % 300;
      std::uint64_t end = begin + random() % 8;
      gaps.add(range(begin, end));
      for (std::uint64_t place = begin; place < end; ++place) {
        places.insert(place);
      }
      if (random() % 40 == 0) {
        floor += random() % 20;
        gaps.raise_floor(SequenceNumber(floor));
      }
      std::uint64_t from = floor + random() % 300;
      std::uint64_t to = from + random() % 300;
      auto expected = std::distance(places.lower_bound(from), places.lower_bound(to));
      ASSERT_EQ(gaps.count(range(from, to)), static_cast<std::uint64_t>(expected)) << "seed " << seed;
      auto below = std::distance(places.begin(), places.lower_bound(to));
      ASSERT_EQ(gaps.count(range(0, to)), static_cast<std::uint64_t>(below)) << "seed " << seed;
      ASSERT_EQ(gaps.contains(SequenceNumber(from)), places.contains(from));
    }
    std::string bytes;
    gaps.append_to(bytes);
    Result<Gaps> read = Gaps::parse(bytes);
    ASSERT_TRUE(read.ok()) << read.error().message;
    std::string again;
    read->append_to(again);
    EXPECT_EQ(bytes, again);
    EXPECT_EQ(read->count(range(0, 5000)), places.size());
  }
}

TEST(Gaps, BytesThatAreNoGapsAreCorrupt) {
  Gaps gaps;
  gaps.add(range(3, 5));
  gaps.add(range(1000, 1002));
  std::string bytes;
  gaps.append_to(bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Gaps::parse(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(Gaps::parse(bytes + "x").ok());
}

}  // namespace
}  // namespace millrace
