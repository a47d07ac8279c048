#include "base/time_format.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(TimeFormat, ReadsTheFormsOfRfc3339) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2012-03-18T06:16:09.000Z"), 1332051369 * kSecond);
  EXPECT_EQ(parse_rfc3339("2012-03-18 06:16:09z"), 1332051369 * kSecond);
  EXPECT_EQ(parse_rfc3339("2012-03-18T11:46:09.5+05:30"), 1332051369 * kSecond + 500'000'000);
  EXPECT_EQ(parse_rfc3339("1969-12-31T23:59:59.999999999Z"), -1);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00.1234567891Z"), 123'456'789);
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), parse_rfc3339("2017-01-01T00:00:00Z"));
  EXPECT_EQ(parse_rfc3339("2012-01-01", true), 1325376000 * kSecond);
}

TEST(TimeFormat, RefusesWhatIsNotATime) {
  for (const char* text :
       {"", "2012", "2012-01-01", "2012-13-01T00:00:00Z", "2012-02-30T00:00:00Z", "2012-01-01T24:00:00Z",
        "2012-01-01T00:00:00", "2012-01-01T00:00:00.Z", "2012-01-01T00:00:00+0530", "2012-01-01T00:00:00Zx",
        "1677-01-01T00:00:00Z", "2262-01-01T00:00:00Z", "2012-01-01X00:00:00Z", "٢٠١٢-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_rfc3339("2012-02-29T00:00:00Z").has_value());
}

TEST(TimeFormat, WritesWhatItReads) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2012-03-18T06:16:09.123Z", "1969-12-31T23:59:59.999999999Z",
                           "1678-01-01T00:00:00Z", "2261-12-31T23:59:59.000001Z"}) {
    EXPECT_EQ(format_rfc3339(parse_rfc3339(text).value()), text);
  }
}

}  // namespace
}  // namespace millrace
