#include "stream/progress.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(PositionTest, WhatIsFormattedIsParsedBack) {
  Position position{Generation(1), {{PartitionId(0), SequenceNumber(1024)}, {PartitionId(3), SequenceNumber(88)}}};
  EXPECT_EQ(format_position(position), "1/0:1024,3:88");
  Position parsed = parse_position("1/0:1024,3:88").value();
  EXPECT_EQ(format_position(parsed), "1/0:1024,3:88");
  EXPECT_EQ(parsed.ends[1].partition, PartitionId(3));
  EXPECT_EQ(parsed.ends[1].end, SequenceNumber(88));
  EXPECT_EQ(format_position(parse_position("4294967295/65535:18446744073709551615").value()),
            "4294967295/65535:18446744073709551615");
  EXPECT_TRUE(parse_position("7/").value().ends.empty());
}

TEST(PositionTest, WhatIsNoPositionIsRefused) {
  for (const char* text : {"", "1", "/", "1/0", "1/0:", "1/:5", "1/0:5,", "1/0:5,,1:2", "1/0:5 ", " 1/0:5", "1/0:-5",
                           "1/65536:5", "4294967296/0:1", "1/0:18446744073709551616", "a/0:1", "1/0;1", "1/0:5/"}) {
    Result<Position> parsed = parse_position(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, Code::kInvalid);
  }
}

TEST(PositionTest, AZeroByteIsNoEndOfIt) {
  EXPECT_FALSE(parse_position(std::string_view("1/0:5\0", 6)).ok());
  EXPECT_FALSE(parse_position(std::string_view("1/0:5\0,3:4", 10)).ok());
  EXPECT_FALSE(parse_position(std::string_view("1/0:5\0003:4", 9)).ok());
}

}  // namespace
}  // namespace millrace
