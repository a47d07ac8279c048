#include "base/crc32c.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::uint32_t bit_by_bit(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
    }
  }
  return ~crc;
}

TEST(Crc32c, GivesTheValuesOfRfc3720) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(Crc32c, EqualsTheBitwiseDefinitionAtEveryLength) {
  std::mt19937_64 random(7);
  std::string bytes;
  for (std::size_t length = 0; length < 10'000; ++length) {
    if (length % 97 == 0 || (length > 3060 && length < 3090)) {
      ASSERT_EQ(crc32c(bytes), bit_by_bit(bytes)) << length;
    }
    bytes.push_back(static_cast<char>(random()));
  }
}

TEST(Crc32c, GoesOnFromASeed) {
  std::string a(5000, 'a');
  std::string b(4000, 'b');
  EXPECT_EQ(crc32c(b, crc32c(a)), crc32c(a + b));
}

}  // namespace
}  // namespace millrace
