#include "query/field.h"

#include <gtest/gtest.h>

#include "query/query_text_for_test.h"
#include "query/words.h"

namespace millrace {
namespace {

std::string field(std::string_view text) {
  Result<FieldRef> parsed = parse_field(text);
  return parsed.ok() ? text_of(*parsed) : parsed.error().message;
}

std::string measure(std::string_view text) {
  Result<Measure> parsed = parse_measure(text);
  return parsed.ok() ? text_of(*parsed) : parsed.error().message;
}

TEST(Field, PathsAreSplitAtDotsOutsideOfQuotes) {
  EXPECT_EQ(field("user_id"), "user_id");
  EXPECT_EQ(field("properties.added"), "property/added");
  EXPECT_EQ(field("properties.cart.total"), "property/cart/total");
  EXPECT_EQ(field("properties.\"a.b\".c"), "property/a.b/c");
  EXPECT_EQ(field("properties.\"say \\\"hi\\\"\""), "property/say \"hi\"");
  EXPECT_EQ(field("context.app.version"), "context/app/version");
}

TEST(Field, TheTextThatWasAskedIsKept) { EXPECT_EQ(parse_field("properties.\"a.b\"")->text, "properties.\"a.b\""); }

TEST(Field, RefusalsSayWhatThereIs) {
  EXPECT_EQ(
      field("evnt"),
      "unknown field \"evnt\"; use event, user_id, anonymous_id, session_id, visitor, message_id, time, received, "
      "properties.<name> or context.<name>; did you mean \"event\"?");
  EXPECT_NE(field("added").find("unknown field \"added\""), std::string::npos);
  EXPECT_NE(field("props.added").find("unknown field"), std::string::npos);
  EXPECT_EQ(field("properties."), "\"properties.\": a part of the path is empty");
  EXPECT_EQ(field("properties.a..b"), "\"properties.a..b\": a part of the path is empty");
  EXPECT_EQ(field("properties.\"a"), "\"properties.\\\"a\": a quote that doesn't end");
  EXPECT_EQ(field("properties.\"a\"b"), "\"properties.\\\"a\\\"b\": a dot must follow a quoted part");
  EXPECT_NE(field("properties." + std::string(257, 'x')).find("257 bytes"), std::string::npos);
  EXPECT_NE(field("properties.a.b.c.d.e.f.g.h.i").find("9 parts"), std::string::npos);
  EXPECT_NE(field("").find("unknown field \"\""), std::string::npos);
}

TEST(Measures, OfEveryKind) {
  EXPECT_EQ(measure("count"), "count[count  0]");
  EXPECT_EQ(measure(" count() "), "count()[count  0]");
  EXPECT_EQ(measure("uniq(user_id)"), "uniq(user_id)[uniq user_id 0]");
  EXPECT_EQ(measure("sum( properties.a )"), "sum( properties.a )[sum property/a 0]");
  EXPECT_EQ(measure("mean(properties.a)"), "mean(properties.a)[mean property/a 0]");
  EXPECT_EQ(measure("min(properties.a)"), "min(properties.a)[min property/a 0]");
  EXPECT_EQ(measure("max(time)"), "max(time)[max time 0]");
  EXPECT_EQ(measure("quantile(0.95, properties.a)"), "quantile(0.95, properties.a)[quantile property/a 0.95]");
  EXPECT_EQ(measure("quantile(1,properties.\"a,b\")"), "quantile(1,properties.\"a,b\")[quantile property/a,b 1]");
}

TEST(Measures, RefusalsSayWhatToWriteInstead) {
  EXPECT_EQ(measure("avg(properties.a)"), "unknown measure \"avg\"; use mean(…)");
  EXPECT_EQ(measure("p95(properties.a)"), "unknown measure \"p95\"; use quantile(0.95, …)");
  EXPECT_EQ(measure("cuont"),
            "unknown measure \"cuont\"; use count, uniq, sum, mean, min, max or quantile; did you mean \"count\"?");
  EXPECT_EQ(measure("top(3, event)"), "unknown measure \"top\"; use by, order and limit");
  EXPECT_EQ(
      parse_plain_measure_of_view("cuont").error().message,
      "unknown measure \"cuont\"; use count, uniq, sum, mean, min, max, quantile or top; did you mean \"count\"?");
  EXPECT_EQ(measure("count(user_id)"), "count has no field; use count, or uniq(field)");
  EXPECT_EQ(measure("sum"), "sum needs its field in parentheses: sum(properties.<name>)");
  EXPECT_EQ(measure("sum(properties.a"), "sum needs its field in parentheses: sum(properties.<name>)");
  EXPECT_EQ(measure("quantile(properties.a)"),
            "quantile needs its level and its field: quantile(0.95, properties.<name>)");
  EXPECT_EQ(measure("quantile(95, properties.a)"), "the level of a quantile lies between 0 and 1, not \"95\"");
  EXPECT_EQ(measure("quantile(nan, properties.a)"), "the level of a quantile lies between 0 and 1, not \"nan\"");
  EXPECT_EQ(measure("sum(user_id)"),
            "sum of \"user_id\" is not possible, it is text; use a numeric property: properties.<name>");
  EXPECT_EQ(measure("sum(time)"), "sum of \"time\" is not possible; of a time there are min and max");
  EXPECT_EQ(measure("uniq(time)"), "uniq of \"time\" is not possible; use any field but a time");
  EXPECT_NE(measure("uniq()").find("unknown field \"\""), std::string::npos);
  EXPECT_NE(measure("").find("unknown measure \"\""), std::string::npos);
}

TEST(Words, NothingIsSuggestedForWhatIsFarFromEverything) {
  constexpr std::string_view kWords[] = {"measures", "range"};
  EXPECT_EQ(suggestion("rnage", kWords), "; did you mean \"range\"?");
  EXPECT_EQ(suggestion("zzzzz", kWords), "");
  EXPECT_EQ(suggestion(std::string(10'000, 'a'), kWords), "");
}

TEST(Words, LongTextIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 50; ++i) {
    text += "ä";
  }
  EXPECT_EQ(in_quotes("x" + text).find("\xEF\xBF\xBD"), std::string::npos);
  EXPECT_LT(in_quotes(text).size(), 90u);
}

}  // namespace
}  // namespace millrace
