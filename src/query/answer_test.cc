#include "query/answer.h"

#include <gtest/gtest.h>

#include "base/time_format.h"

namespace millrace {
namespace {

MetricQuery series(std::vector<Measure::Kind> kinds, std::uint32_t limit = 100) {
  MetricQuery query;
  query.every = Every::kDay;
  query.order.push_back({"time", false});
  query.limit = limit;
  for (Measure::Kind kind : kinds) {
    query.measures.emplace_back().kind = kind;
  }
  return query;
}

QueryAnswer answer(std::vector<std::string> columns, std::uint64_t rows, std::string cut = {}) {
  QueryAnswer made;
  for (std::string& values : columns) {
    made.columns.push_back({"c" + std::to_string(made.columns.size()), ColumnType::kInteger, std::move(values)});
  }
  made.rows = rows;
  made.cut = std::move(cut);
  return made;
}

std::string text_of(const QueryAnswer& made) {
  std::string text;
  for (const AnswerColumn& column : made.columns) {
    text += column.values_json + " ";
  }
  return text + std::to_string(made.rows) + made.cut;
}

TEST(SplitValues, KeepsEachValueAsItIs) {
  EXPECT_TRUE(split_values("[]").empty());
  EXPECT_TRUE(split_values("").empty());
  EXPECT_EQ(split_values(R"([1, null,"a,b","c\",\\",true])"),
            (std::vector<std::string_view>{"1", "null", R"("a,b")", R"("c\",\\")", "true"}));
}

TEST(FillBuckets, PutsInWhatHasNoEvents) {
  MetricQuery query = series({Measure::Kind::kCount, Measure::Kind::kUniq, Measure::Kind::kSum});
  QueryAnswer made = fill_buckets(answer({"[2, 4]", "[7, 8]", "[1, 1]", "[5, null]"}, 2), query,
                                  {1 * kMillisecond, 2 * kMillisecond, 3 * kMillisecond, 4 * kMillisecond});
  EXPECT_EQ(text_of(made), "[1,2,3,4] [0,7,0,8] [0,1,0,1] [null,5,null,null] 4");
}

TEST(FillBuckets, OfNoEventsAtAll) {
  EXPECT_EQ(
      text_of(fill_buckets(answer({"[]", "[]"}, 0), series({Measure::Kind::kCount}), {kMillisecond, 2 * kMillisecond})),
      "[1,2] [0,0] 2");
}

TEST(FillBuckets, NewestFirstWhenThatWasAsked) {
  MetricQuery query = series({Measure::Kind::kCount});
  query.order[0].descending = true;
  EXPECT_EQ(text_of(fill_buckets(answer({"[2]", "[7]"}, 1), query, {kMillisecond, 2 * kMillisecond, 3 * kMillisecond})),
            "[3,2,1] [0,7,0] 3");
}

TEST(FillBuckets, StopsAtTheLimitAndSaysSo) {
  MetricQuery query = series({Measure::Kind::kCount}, 2);
  EXPECT_EQ(text_of(fill_buckets(answer({"[1,3]", "[5,6]"}, 2, "limit"), query,
                                 {kMillisecond, 2 * kMillisecond, 3 * kMillisecond})),
            "[1,2] [5,0] 2limit");
}

TEST(FillBuckets, LeavesWhatWasCutByTimeAsItIs) {
  MetricQuery query = series({Measure::Kind::kCount});
  EXPECT_EQ(text_of(fill_buckets(answer({"[1]", "[5]"}, 1, "time"), query, {kMillisecond, 2 * kMillisecond})),
            "[1] [5] 1time");
}

TEST(FillBuckets, LosesNoRowOfABucketThatItDoesntKnow) {
  MetricQuery query = series({Measure::Kind::kCount});
  EXPECT_EQ(text_of(fill_buckets(answer({"[1,99]", "[5,6]"}, 2), query, {kMillisecond, 2 * kMillisecond})),
            "[1,99] [5,6] 2");
}

TEST(Align, RowsOfASeriesByTheNumberOfTheirBucket) {
  MetricQuery query = series({Measure::Kind::kCount, Measure::Kind::kMean});
  QueryAnswer made =
      align(answer({"[1,3]", "[7,8]", "[2,3]"}, 2), answer({"[11,12,13]", "[0,0,0]", "[null,null,null]"}, 3), query,
            {11 * kMillisecond, 12 * kMillisecond, 13 * kMillisecond},
            {1 * kMillisecond, 2 * kMillisecond, 3 * kMillisecond});
  EXPECT_EQ(text_of(made), "[1,2,3] [7,0,8] [2,null,3] 3");
}

TEST(Align, APeriodThatIsShorterEndsInNulls) {
  MetricQuery query = series({Measure::Kind::kCount});
  QueryAnswer made = align(answer({"[1]", "[7]"}, 1), answer({"[11,12]", "[4,5]"}, 2), query,
                           {11 * kMillisecond, 12 * kMillisecond}, {1 * kMillisecond});
  EXPECT_EQ(text_of(made), "[1,null] [7,null] 2");
}

TEST(Align, GroupsByTheirDimensionsInTheOrderOfTheAnswer) {
  MetricQuery query;
  query.by.resize(1);
  query.measures.emplace_back();
  QueryAnswer made =
      align(answer({R"(["a","b","c"])", "[3,2,1]"}, 3), answer({R"(["c",null,"a"])", "[9,8,7]"}, 3), query, {}, {});
  EXPECT_EQ(text_of(made), R"(["c",null,"a"] [1,0,3] 3)");
}

TEST(Align, GroupsOfASeries) {
  MetricQuery query = series({Measure::Kind::kCount});
  query.by.resize(1);
  QueryAnswer made = align(answer({"[1,1,2]", R"(["a","b","a"])", "[1,2,3]"}, 3),
                           answer({"[11,12,12]", R"(["a","a","b"])", "[5,6,7]"}, 3), query,
                           {11 * kMillisecond, 12 * kMillisecond}, {1 * kMillisecond, 2 * kMillisecond});
  EXPECT_EQ(text_of(made), R"([1,2,2] ["a","a","b"] [1,3,0] 3)");
}

TEST(Align, WhatIsMissingInACutAnswerIsUnknown) {
  MetricQuery query;
  query.by.resize(1);
  query.measures.emplace_back();
  QueryAnswer made =
      align(answer({R"(["a"])", "[3]"}, 1, "limit"), answer({R"(["b","a"])", "[9,8]"}, 2), query, {}, {});
  EXPECT_EQ(text_of(made), R"(["b","a"] [null,3] 2limit)");
}

TEST(WriteCut, SaysWhatToDo) {
  JsonWriter json;
  json.begin_object();
  write_cut(json, "time");
  EXPECT_EQ(json.end_object().text(),
            R"({"cut":"time","hint":"The time ran out; ask for a shorter range or raise `max_time_ms`."})");
  JsonWriter whole;
  whole.begin_object();
  write_cut(whole, "");
  EXPECT_EQ(whole.end_object().text(), R"({"cut":null})");
}

}  // namespace
}  // namespace millrace
