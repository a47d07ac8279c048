#include "store/clickhouse/answer_columns.h"

#include <gtest/gtest.h>

namespace millrace::clickhouse {
namespace {

QueryAnswer two_columns() {
  QueryAnswer answer;
  answer.columns = {{"a", ColumnType::kString, ""}, {"b", ColumnType::kInteger, ""}};
  return answer;
}

TEST(AnswerColumns, AreTakenWithoutBlanks) {
  QueryAnswer answer = two_columns();
  ASSERT_TRUE(read_columns("[\n\t[\"x, ]\", null, \"\\\"[\\\\\"],\n\t[1, -2.5, null]\n]\n", 3, answer).ok());
  EXPECT_EQ(answer.columns[0].values_json, R"(["x, ]",null,"\"[\\"])");
  EXPECT_EQ(answer.columns[1].values_json, "[1,-2.5,null]");
  EXPECT_EQ(answer.rows, 3u);
  EXPECT_EQ(answer.cut, "");
}

TEST(AnswerColumns, RowsBeyondTheLimitAreCutOff) {
  QueryAnswer answer = two_columns();
  ASSERT_TRUE(read_columns("[[\"a\", \"b\", \"c\"], [1, 2, 3]]", 2, answer).ok());
  EXPECT_EQ(answer.columns[0].values_json, R"(["a","b"])");
  EXPECT_EQ(answer.columns[1].values_json, "[1,2]");
  EXPECT_EQ(answer.rows, 2u);
  EXPECT_EQ(answer.cut, "limit");
}

TEST(AnswerColumns, NoRowsGiveEmptyColumns) {
  for (const char* text : {"[\n\n]\n", "[[], []]"}) {
    QueryAnswer answer = two_columns();
    ASSERT_TRUE(read_columns(text, 2, answer).ok());
    EXPECT_EQ(answer.columns[0].values_json, "[]");
    EXPECT_EQ(answer.columns[1].values_json, "[]");
    EXPECT_EQ(answer.rows, 0u);
  }
}

TEST(AnswerColumns, BrokenAnswersAreRefused) {
  for (const char* text : {"", "x", "[", "[[1", "[[1,2]", "[[1],[1,2]]", "[[\"a]]"}) {
    QueryAnswer answer = two_columns();
    EXPECT_FALSE(read_columns(text, 2, answer).ok()) << text;
  }
}

}  // namespace
}  // namespace millrace::clickhouse
