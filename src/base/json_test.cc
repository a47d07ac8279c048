#include "base/json.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string through(std::string_view text) {
  Result<Json> parsed = Json::parse(text);
  if (!parsed.ok()) {
    return "error: " + parsed.error().message;
  }
  return JsonWriter().value(*parsed).text();
}

TEST(Json, WritesWhatItReads) {
  for (const char* text : {"null", "true", "[]", "{}", R"({"a":[1,-2.5,"x",{"b":null}],"":false})",
                           "9223372036854775807", "18446744073709551615", R"("\"\\\n\u0001é😀")"}) {
    EXPECT_EQ(through(text), text);
  }
  EXPECT_EQ(through(" { \"a\" : [ 1 , 2 ] } "), R"({"a":[1,2]})");
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "1e999", "nul", "\"\xFF\"", "{\"a\"}", "[1] 2", "\"\\ud800\""}) {
    EXPECT_TRUE(through(text).starts_with("error: ")) << text << " gave " << through(text);
  }
  EXPECT_TRUE(through(std::string(65, '[') + std::string(65, ']')).starts_with("error: "));
}

TEST(Json, KeepsIntegersExact) {
  Json number = Json::parse("9007199254740993").value();
  EXPECT_EQ(number.integer(), 9007199254740993);
  EXPECT_FALSE(Json::parse("1.5")->integer().has_value());
  EXPECT_FALSE(Json::parse("18446744073709551615")->integer().has_value());
}

TEST(Json, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(JsonWriter().string("a\xFF").text(), "\"a\xEF\xBF\xBD\"");
  EXPECT_TRUE(Json::parse(JsonWriter().string("a\xFF\x01\n").text()).ok());
}

}  // namespace
}  // namespace millrace
