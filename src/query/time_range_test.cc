#include "query/time_range.h"

#include <gtest/gtest.h>

#include "base/time_format.h"
#include "query/fakes_for_test.h"

namespace millrace {
namespace {

TimeNs at_time(const char* text) { return parse_rfc3339(text).value(); }

const TimeNs kNow = at_time("2026-03-18T15:30:00.25Z");  // a Wednesday

std::string text_of(const Result<TimeRange>& range) {
  return range.ok() ? format_rfc3339(range->from) + " " + format_rfc3339(range->to) : range.error().message;
}

class TimeRangeTest : public testing::Test {
 protected:
  Result<TimeRange> parse(const std::string& json, const std::string& zone = "UTC") {
    Result<Json> parsed = Json::parse(json);
    EXPECT_TRUE(parsed.ok()) << json;
    return parse_range(*parsed, Calendar(&store_, zone), kNow);
  }
  std::string range(const std::string& json, const std::string& zone = "UTC") { return text_of(parse(json, zone)); }
  std::string previous(const std::string& json, const std::string& zone = "UTC") {
    Result<TimeRange> given = parse(json, zone);
    return given.ok() ? text_of(previous_range(*given, Calendar(&store_, zone))) : given.error().message;
  }

  FakeStore store_;
};

TEST_F(TimeRangeTest, DatesAndTimesInUtc) {
  EXPECT_EQ(range(R"(["2012-01-01","2013-01-01"])"), "2012-01-01T00:00:00Z 2013-01-01T00:00:00Z");
  EXPECT_EQ(range(R"(["2012-01-01T10:30","2012-01-01 11:00:01.5"])"), "2012-01-01T10:30:00Z 2012-01-01T11:00:01.500Z");
  EXPECT_EQ(range(R"(["2012-01-01T10:00:00+01:00","now"])"), "2012-01-01T09:00:00Z 2026-03-18T15:30:01Z");
}

TEST_F(TimeRangeTest, DatesAndLocalTimesAreOfTheZoneAndOffsetsAreNot) {
  EXPECT_EQ(range(R"(["2012-01-01","2012-01-02"])", "Europe/Test"), "2011-12-31T22:00:00Z 2012-01-01T22:00:00Z");
  EXPECT_EQ(range(R"(["2012-01-01T10:00","2012-01-01T10:00:00Z"])", "Europe/Test"),
            "2012-01-01T08:00:00Z 2012-01-01T10:00:00Z");
  EXPECT_EQ(range(R"("today")", "Europe/Test"), "2026-03-17T22:00:00Z 2026-03-18T15:30:01Z");
}

TEST_F(TimeRangeTest, NumbersAreToldApartByMagnitude) {
  EXPECT_EQ(range("[1331273769, 1331273770.5]"), "2012-03-09T06:16:09Z 2012-03-09T06:16:10.500Z");
  EXPECT_EQ(range("[1331273769000, 1331273769000001]"), "2012-03-09T06:16:09Z 2012-03-09T06:16:09.000001Z");
  EXPECT_EQ(range("[-1, 0]"), "1969-12-31T23:59:59Z 1970-01-01T00:00:00Z");
}

TEST_F(TimeRangeTest, LengthsEndNow) {
  EXPECT_EQ(range(R"("24h")"), "2026-03-17T15:30:01Z 2026-03-18T15:30:01Z");
  EXPECT_EQ(range(R"("7d")"), "2026-03-11T15:30:01Z 2026-03-18T15:30:01Z");
  EXPECT_EQ(range(R"("90s")"), "2026-03-18T15:28:31Z 2026-03-18T15:30:01Z");
  EXPECT_EQ(range(R"("15m")"), "2026-03-18T15:15:01Z 2026-03-18T15:30:01Z");
  EXPECT_EQ(range(R"("2w")"), "2026-03-04T15:30:01Z 2026-03-18T15:30:01Z");
}

TEST_F(TimeRangeTest, CalendarWords) {
  EXPECT_EQ(range(R"("today")"), "2026-03-18T00:00:00Z 2026-03-18T15:30:01Z");
  EXPECT_EQ(range(R"("yesterday")"), "2026-03-17T00:00:00Z 2026-03-18T00:00:00Z");
  EXPECT_EQ(range(R"("this_week")"), "2026-03-16T00:00:00Z 2026-03-18T15:30:01Z");
  EXPECT_EQ(range(R"("last_week")"), "2026-03-09T00:00:00Z 2026-03-16T00:00:00Z");
  EXPECT_EQ(range(R"("this_month")"), "2026-03-01T00:00:00Z 2026-03-18T15:30:01Z");
  EXPECT_EQ(range(R"("last_month")"), "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z");
  EXPECT_EQ(range(R"("all")"), "1900-01-01T00:00:00Z 2262-01-01T00:00:00Z");
}

TEST_F(TimeRangeTest, RefusalsNameTheEndAndTheForms) {
  EXPECT_EQ(range(R"(["2013-01-01","2012-01-01"])"), "range: 2013-01-01T00:00:00Z is not before 2012-01-01T00:00:00Z");
  EXPECT_EQ(range(R"(["2012-01-01","2012-01-01"])"), "range: 2012-01-01T00:00:00Z is not before 2012-01-01T00:00:00Z");
  EXPECT_NE(range(R"(["2012-13-01","now"])").find("range[0]: \"2012-13-01\" is not a time"), std::string::npos);
  EXPECT_NE(range(R"(["2012-01-01",true])").find("range[1]: a time is a text or a number"), std::string::npos);
  EXPECT_NE(range(R"(["1850-01-01","now"])").find("between 1900-01-01 and 2262-01-01"), std::string::npos);
  EXPECT_NE(range("[0, 1e300]").find("range[1]: a time must lie between"), std::string::npos);
  EXPECT_NE(range(R"(["2012-01-01"])").find("range: give [from, to)"), std::string::npos);
  EXPECT_NE(range("7").find("range: give [from, to)"), std::string::npos);
  EXPECT_NE(range(R"("yesterdya")").find("did you mean \"yesterday\"?"), std::string::npos);
  EXPECT_NE(range(R"("0d")").find("is not a range"), std::string::npos);
  EXPECT_NE(range(R"("999999w")").find("is not a range"), std::string::npos);
  EXPECT_NE(range(R"("7x")").find("is not a range"), std::string::npos);
  EXPECT_NE(range(R"("-7d")").find("is not a range"), std::string::npos);
}

TEST_F(TimeRangeTest, ThePeriodBeforeWholeMonthsIsAsManyMonths) {
  EXPECT_EQ(previous(R"(["2012-01-01","2013-01-01"])"), "2011-01-01T00:00:00Z 2012-01-01T00:00:00Z");
  EXPECT_EQ(previous(R"(["2026-03-01","2026-04-01"])"), "2026-02-01T00:00:00Z 2026-03-01T00:00:00Z");
  EXPECT_EQ(previous(R"("last_month")"), "2026-01-01T00:00:00Z 2026-02-01T00:00:00Z");
  EXPECT_EQ(previous(R"(["2026-03-01","2026-04-01"])", "Europe/Test"), "2026-01-31T22:00:00Z 2026-02-28T22:00:00Z");
}

TEST_F(TimeRangeTest, ThePeriodBeforeIsOfTheSameLength) {
  EXPECT_EQ(previous(R"(["2026-03-02","2026-03-05"])"), "2026-02-27T00:00:00Z 2026-03-02T00:00:00Z");
  EXPECT_EQ(previous(R"(["2026-03-02T01:00","2026-03-02T03:30"])"), "2026-03-01T22:30:00Z 2026-03-02T01:00:00Z");
  EXPECT_EQ(previous(R"("24h")"), "2026-03-16T15:30:01Z 2026-03-17T15:30:01Z");
  EXPECT_EQ(previous(R"("yesterday")"), "2026-03-16T00:00:00Z 2026-03-17T00:00:00Z");
}

TEST_F(TimeRangeTest, WhatIsNotOverIsComparedUpToTheSameMoment) {
  EXPECT_EQ(previous(R"("today")"), "2026-03-17T00:00:00Z 2026-03-17T15:30:01Z");
  EXPECT_EQ(previous(R"("this_week")"), "2026-03-09T00:00:00Z 2026-03-11T15:30:01Z");
  EXPECT_EQ(previous(R"("this_month")"), "2026-02-01T00:00:00Z 2026-02-18T15:30:01Z");
}

TEST_F(TimeRangeTest, LongerThanNanosecondsCanCountIsRefused) {
  EXPECT_THAT(range(R"(["1900-01-01","2200-01-01"])"), testing::HasSubstr("longer than 290 years"));
  EXPECT_EQ(range(R"(["1900-01-01","2189-01-01"])"), "1900-01-01T00:00:00Z 2189-01-01T00:00:00Z");
}

TEST_F(TimeRangeTest, NothingIsBeforeAll) { EXPECT_NE(previous(R"("all")").find("nothing before"), std::string::npos); }

TEST(CalendarTest, MonthsOfUtcHaveTheirOwnLengths) {
  Calendar utc(nullptr, "UTC");
  Result<std::vector<TimeNs>> buckets =
      utc.buckets(Every::kMonth, at_time("2023-12-15T00:00:00Z"), at_time("2024-03-01T00:00:01Z"));
  ASSERT_TRUE(buckets.ok());
  EXPECT_EQ(*buckets, (std::vector<TimeNs>{at_time("2023-12-01T00:00:00Z"), at_time("2024-01-01T00:00:00Z"),
                                           at_time("2024-02-01T00:00:00Z"), at_time("2024-03-01T00:00:00Z")}));
}

TEST(CalendarTest, TimesBefore1970AreRoundedDownToo) {
  Calendar utc(nullptr, "UTC");
  EXPECT_EQ(format_rfc3339(*utc.begin(Every::kDay, at_time("1969-12-31T12:00:00Z"), 0)), "1969-12-31T00:00:00Z");
  EXPECT_EQ(format_rfc3339(*utc.begin(Every::kWeek, at_time("1969-12-31T12:00:00Z"), 0)), "1969-12-29T00:00:00Z");
  EXPECT_EQ(format_rfc3339(*utc.begin(Every::kMonth, at_time("1969-01-31T12:00:00Z"), -1)), "1968-12-01T00:00:00Z");
}

TEST(CalendarTest, UnknownZonesAndWhatIsNoNameAreRefused) {
  FakeStore store;
  EXPECT_TRUE(Calendar(&store, "Europe/Test").check().ok());
  for (const char* zone : {"Europe/Berlln", "", "UTC'; DROP", "../../etc/passwd\n"}) {
    EXPECT_EQ(Calendar(&store, zone).check().error().code, Code::kInvalid) << zone;
  }
}

}  // namespace
}  // namespace millrace
