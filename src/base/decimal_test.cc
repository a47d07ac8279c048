#include "base/decimal.h"

#include <limits>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace millrace {
namespace {

template <typename Number>
std::string decimal_of(Number number) {
  char text[kDecimalRoom];
  return std::string(text, put_decimal(text, number));
}

TEST(Decimal, IsWhatToStringGivesAroundEachPowerOfTen) {
  std::uint64_t power = 1;
  for (int digits = 0; digits < 20; ++digits, power *= 10) {
    for (std::uint64_t number : {power - 1, power, power + 1, power / 2, power * 9}) {
      EXPECT_EQ(decimal_of(number), std::to_string(number));
    }
  }
  EXPECT_EQ(decimal_of(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

TEST(Decimal, OfEachFourDigitsIsRight) {
  for (std::uint64_t number = 0; number < 10'000; ++number) {
    EXPECT_EQ(decimal_of(number), std::to_string(number));
    EXPECT_EQ(decimal_of(number * 10'000 + 1'000'000'000), std::to_string(number * 10'000 + 1'000'000'000));
  }
}

TEST(Decimal, OfRandomNumbersOfEveryLengthAndSignIsRight) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 100'000; ++i) {
    std::uint64_t number = random() >> (random() % 64);
    EXPECT_EQ(decimal_of(number), std::to_string(number));
    EXPECT_EQ(decimal_of(static_cast<std::int64_t>(number)), std::to_string(static_cast<std::int64_t>(number)));
    EXPECT_EQ(decimal_of(-static_cast<std::int64_t>(number >> 1)),
              std::to_string(-static_cast<std::int64_t>(number >> 1)));
  }
  EXPECT_EQ(decimal_of(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

}  // namespace
}  // namespace millrace
