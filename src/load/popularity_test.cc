#include "load/popularity.h"

#include <cmath>

#include <gtest/gtest.h>

namespace millrace::load {
namespace {

TEST(Popularity, FollowsZipfsLaw) {
  constexpr std::size_t kCount = 1'000;
  constexpr int kPicks = 1'000'000;
  Popularity users(kCount, 1.1);
  Chance chance(3);
  std::vector<int> picked(kCount);
  for (int i = 0; i < kPicks; ++i) {
    ++picked.at(users.pick(chance));
  }
  double sum = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    sum += std::pow(static_cast<double>(i + 1), -1.1);
  }
  for (std::size_t i : {0, 1, 9, 99, 999}) {
    double expected = kPicks * std::pow(static_cast<double>(i + 1), -1.1) / sum;
    EXPECT_NEAR(picked[i], expected, 6 * std::sqrt(expected)) << "user " << i;
  }
}

TEST(Popularity, OneUserIsAlwaysPicked) {
  Popularity users(1, 1.1);
  Chance chance(1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(users.pick(chance), 0);
  }
}

TEST(Chance, SameSeedGivesTheSameNumbers) {
  Chance one(5), same(5), other(6);
  std::uint64_t first = one.next();
  EXPECT_EQ(first, same.next());
  EXPECT_NE(first, other.next());
}

}  // namespace
}  // namespace millrace::load
