#include "engine/sql_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;

std::string data_of(const std::string& sql) {
  Statement statement = look_at(sql);
  EXPECT_EQ(statement.shape, Shape::kInsertData) << sql;
  return sql.substr(statement.data_begin);
}

TEST(SqlText, InsertEndsWhereItsDataBegins) {
  std::string sql = "INSERT INTO d.t (a, b) FORMAT JSONEachRow\n{\"a\":1}";
  Statement statement = look_at(sql);
  EXPECT_EQ(statement.shape, Shape::kInsertData);
  EXPECT_EQ(sql.substr(0, statement.head_size), "INSERT INTO d.t (a, b)");
  EXPECT_EQ(statement.format, "JSONEachRow");
  EXPECT_EQ(sql.substr(statement.data_begin), "{\"a\":1}");
}

TEST(SqlText, OneLineEndBehindTheFormatIsNotData) {
  EXPECT_EQ(data_of("INSERT INTO t FORMAT CSV 1,2"), "1,2");
  EXPECT_EQ(data_of("INSERT INTO t FORMAT CSV \r\n1,2"), "1,2");
  EXPECT_EQ(data_of("INSERT INTO t FORMAT RowBinary\n\n\x01"), "\n\x01");
  EXPECT_EQ(data_of("INSERT INTO t FORMAT Native"), "");
}

TEST(SqlText, ValuesAreDataOfTheirFormat) {
  EXPECT_EQ(data_of("insert into t values (1, 'a;b')"), " (1, 'a;b')");
  EXPECT_EQ(look_at("insert into t values (1)").format, "Values");
}

TEST(SqlText, KeywordsWithinNamesStringsCommentsAndBracketsAreNotClauses) {
  EXPECT_EQ(data_of("INSERT INTO `format` (`values`, format) /* FORMAT X */ -- VALUES\n FORMAT CSV 1"), "1");
  EXPECT_EQ(data_of("INSERT INTO format FORMAT CSV 1"), "1");
  EXPECT_EQ(data_of("INSERT INTO d.values VALUES (1)"), " (1)");
  EXPECT_EQ(data_of("INSERT INTO TABLE FUNCTION null('a Int8 FORMAT b') FORMAT CSV 1"), "1");
  EXPECT_EQ(data_of("INSERT INTO t SETTINGS s = 'it\\'s FORMAT x' FORMAT CSV 1"), "1");
  EXPECT_EQ(data_of("INSERT INTO t SETTINGS s = $x$ VALUES $x$ FORMAT CSV 1"), "1");
}

TEST(SqlText, InsertWhoseRowsCannotBeToldIsUnclear) {
  for (const char* sql : {"INSERT INTO t", "INSERT INTO t FROM INFILE 'x' FORMAT CSV", "INSERT INTO t FORMAT",
                          "INSERT INTO t SELECT * FROM input('a Int8') FORMAT CSV 1"}) {
    EXPECT_EQ(look_at(sql).shape, Shape::kInsertUnclear) << sql;
  }
}

TEST(SqlText, InsertSelectRunsAsAWhole) {
  for (const char* sql : {"INSERT INTO t SELECT 1", "INSERT INTO t (a) (SELECT 1)",
                          "INSERT INTO t WITH 1 AS x SELECT x", "WITH 1 AS x INSERT INTO t SELECT x"}) {
    EXPECT_EQ(look_at(sql).shape, Shape::kOther) << sql;
  }
  EXPECT_EQ(data_of("WITH 1 AS x INSERT INTO t VALUES (2)"), " (2)");
}

TEST(SqlText, SelectsAreKnownByTheirFirstWord) {
  for (const char* sql :
       {"select 1", " -- hello\nSELECT 1", "/* a */ (SELECT 1)", "WITH 1 AS x SELECT x", "FROM t SELECT a"}) {
    EXPECT_EQ(look_at(sql).shape, Shape::kSelect) << sql;
  }
  for (const char* sql : {"SHOW TABLES", "EXPLAIN SELECT 1", "DROP TABLE t", "", "--"}) {
    EXPECT_EQ(look_at(sql).shape, Shape::kOther) << sql;
  }
}

TEST(SqlText, OwnFormatOfASelectIsFound) {
  EXPECT_EQ(look_at("SELECT 1 FORMAT JSON").format, "JSON");
  EXPECT_EQ(look_at("SELECT 1 FORMAT JSON SETTINGS max_threads = 1;").format, "JSON");
  EXPECT_EQ(look_at("SELECT (SELECT 1 FORMAT CSV)").format, "");
  EXPECT_EQ(look_at("SELECT 'x FORMAT JSON'").format, "");
}

TEST(SqlText, NamesAndEnginesAreListed) {
  EXPECT_THAT(names_in("DROP TABLE `a b`.\"c\", 'no'", 100), ElementsAre("DROP", "TABLE", "a b", "c"));
  EXPECT_EQ(names_in("a b c d", 2).size(), 2U);
  EXPECT_THAT(engines_in("CREATE TABLE t (a Int8) ENGINE = Buffer(x, y)"), ElementsAre("Buffer"));
  EXPECT_THAT(engines_in("create table t engine/**/URL('x')"), ElementsAre("URL"));
  EXPECT_THAT(engines_in("CREATE TABLE t ENGINE"), Contains(""));
  EXPECT_TRUE(is_insert("INSERT INTO t SELECT engine FROM system.tables"));
  EXPECT_FALSE(is_insert("CREATE TABLE t"));
}

TEST(SqlText, UnfinishedTextsEndTheLexer) {
  for (const char* sql : {"'abc", "`abc", "/* abc", "$a$ abc", "-- abc", "'\\", "INSERT INTO t VALUES ('", ")))((("}) {
    Lexer lexer(sql);
    int tokens = 0;
    while (lexer.next()) ASSERT_LT(++tokens, 100) << sql;
    look_at(sql);
  }
}

}  // namespace
}  // namespace millrace::engine
