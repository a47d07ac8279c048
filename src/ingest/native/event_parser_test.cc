// Bodies: one object, arrays, lines; limits of size and number; partitions and ids.
#include "ingest/native/event_parser.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingest/native/parser_fixture.h"
#include "model/routing.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::vector<std::string> names(const Parsed& parsed) {
  std::vector<std::string> names;
  for (const OwnedEvent& event : parsed.events) {
    names.push_back(event.event);
  }
  return names;
}

TEST(Body, OneObject) {
  EXPECT_THAT(names(parse(R"({"event":"a"})")), ElementsAre("a"));
  EXPECT_THAT(names(parse("\xef\xbb\xbf \r\n{\"event\":\"a\"}\n\n")), ElementsAre("a"));
}

TEST(Body, OneObjectOverSeveralLines) {
  const char* body = "{\n  \"event\": \"a\",\n  \"properties\": {\n    \"b\": [1,\n 2]\n  }\n}\n";
  Parsed parsed = parse(body);
  EXPECT_THAT(names(parsed), ElementsAre("a"));
  EXPECT_EQ(parsed.events[0].properties, R"({"b":[1,2]})");
}

TEST(Body, OneObjectOverSeveralLinesMayBeRejected) {
  Parsed parsed = parse("{\n\"event\":\"a\",\n\"x\":1}");
  EXPECT_THAT(parsed.rejected, ElementsAre(Pair(0, HasSubstr("no field \"x\""))));
}

TEST(Body, Array) {
  EXPECT_THAT(names(parse(R"([{"event":"a"},{"event":"b"}])")), ElementsAre("a", "b"));
  EXPECT_THAT(names(parse(" [ { \"event\" : \"a\" } ,\n { \"event\" : \"b\" } ] ")), ElementsAre("a", "b"));
}

TEST(Body, ArrayWithBadEventsGivesTheGoodOnes) {
  Parsed parsed = parse(R"([{"event":"a"}, 5 ,{"x":1},{"event":"b"},["event"],null,"s"])");
  EXPECT_THAT(names(parsed), ElementsAre("a", "b"));
  EXPECT_THAT(parsed.rejected,
              ElementsAre(Pair(1, "an event must be a JSON object"), Pair(2, HasSubstr("\"x\"")),
                          Pair(4, "an event must be a JSON object"), Pair(5, "an event must be a JSON object"),
                          Pair(6, "an event must be a JSON object")));
  EXPECT_THAT(parsed.raw, ElementsAre("5", R"({"x":1})", R"(["event"])", "null", "\"s\""));
}

TEST(Body, ArrayThatIsNotJsonIsRefusedAsAWhole) {
  for (const char* body :
       {R"([{"event":"a"},{"event":"b"])", R"([{"event":"a"},{"event" "b"}])", R"([{"event":"a"},])", "[", "[,]", "[}",
        R"([{"event":"a"} {"event":"b"}])", R"([{"event":"a"}]])", R"([{"event":"a"}] x)", R"([{"event":"a"}],[1])",
        "[{\"event\":\"a\"},\"\xff\"]", R"([{"event":"a"},"open])", "[{\"event\":\"a\"},\"\x01\"]", "[{\"event\":1}",
        R"([{"event":"a"},{"event":"b","properties":{"a":"\x"}}])"}) {
    Parsed parsed = parse(body);
    ASSERT_FALSE(parsed.result.ok()) << body;
    EXPECT_EQ(parsed.result.error().code, Code::kInvalid) << body;
    EXPECT_THAT(parsed.result.error().message, HasSubstr("not valid JSON")) << body;
  }
}

TEST(Body, WithoutEventsIsToldApart) {
  for (const char* body : {"", " \n\r\n ", "[]", " [ \n ] ", "\xef\xbb\xbf"}) {
    Parsed parsed = parse(body);
    ASSERT_FALSE(parsed.result.ok());
    EXPECT_EQ(parsed.result.error().code, Code::kNotFound) << body;
  }
}

TEST(Lines, ABrokenLineIsOneRejectedEvent) {
  Parsed parsed = parse(
      "{\"event\":\"a\"}\n"
      "{\"event\":\"b\"\n"
      "\n"
      "{\"event\":\"open string}\n"
      "not json\r\n"
      "{\"event\":\"\xff\"}\n"
      "{\"event\":\"c\"}{\"event\":\"d\"}\n"
      "  {\"event\":\"e\"}  \r\n"
      "[{\"event\":\"f\"}]\n"
      "{\"event\":\"g\"}");
  EXPECT_THAT(names(parsed), ElementsAre("a", "e", "g"));
  EXPECT_THAT(parsed.rejected,
              ElementsAre(Pair(1, HasSubstr("neither , nor }")), Pair(2, "not valid JSON: a string is not closed"),
                          Pair(3, HasSubstr("not valid JSON")), Pair(4, "not valid JSON: it is not UTF-8"),
                          Pair(5, "not valid JSON: something follows the object on its line"),
                          Pair(7, "an event must be a JSON object")));
  EXPECT_EQ(parsed.raw[0], "{\"event\":\"b\"");
  EXPECT_EQ(parsed.raw[2], "not json");
}

TEST(Lines, WithoutAnyDamageToTheWindowAreJudgedTheSame) {
  // No open string, no bad byte: these lines are indexed together.
  Parsed parsed = parse("{\"event\":\"a\"}\n{\"event\":\n\"b\"}\n}\n{\"event\":\"c\"}\n1 2\n{\"event\":\"d\"}");
  EXPECT_THAT(names(parsed), ElementsAre("a", "c", "d"));
  EXPECT_EQ(parsed.rejected.size(), 4u);
}

TEST(Lines, MayHoldASingleArrayOnlyWhenTheyAreNotDeclaredAsLines) {
  ParseAs lines;
  lines.lines_only = true;
  Parsed parsed = parse("[{\"event\":\"a\"}]", lines);
  EXPECT_THAT(parsed.rejected, ElementsAre(Pair(0, "an event must be a JSON object")));
  EXPECT_EQ(parse("{\n\"event\":\"a\"}", lines).rejected.size(), 2u);
}

TEST(Lines, ManyWindowsGiveEveryLineOnceAndInOrder) {
  std::string body;
  std::vector<std::string> expected;
  for (int i = 0; i < 9'000; ++i) {
    if (i % 1'000 == 500) {
      body += "broken \"\n";
    } else {
      expected.push_back("e" + std::to_string(i));
      body +=
          "{\"event\":\"" + expected.back() + "\",\"properties\":{\"pad\":\"" + std::string(i % 300, 'x') + "\"}}\n";
    }
  }
  ASSERT_GT(body.size(), 1'500'000u);
  Parsed parsed = parse(body);
  EXPECT_EQ(names(parsed), expected);
  ASSERT_EQ(parsed.rejected.size(), 9u);
  EXPECT_EQ(parsed.rejected[3].first, 3'500u);
}

TEST(Arrays, LargeOnesAreCutBetweenElements) {
  std::string body = "[";
  std::vector<std::string> expected;
  for (int i = 0; i < 9'000; ++i) {
    expected.push_back("e" + std::to_string(i));
    body += (i > 0 ? " ,\n" : "") + ("{\"event\":\"" + expected.back()) + "\",\"properties\":{\"pad\":[\"],[{" +
            std::string(static_cast<std::size_t>(i % 300), '\\') +
            std::string(static_cast<std::size_t>(i % 300), '\\') + "\\\"\",{}]}}";
  }
  ASSERT_GT(body.size(), 2'000'000u);
  EXPECT_EQ(names(parse(body + "]")), expected);
  for (const char* bad : {"", ",]", "]]", "] x", "}", ",\"open]"}) {
    Parsed parsed = parse(body + bad);
    ASSERT_FALSE(parsed.result.ok()) << bad;
    EXPECT_EQ(parsed.result.error().code, Code::kInvalid);
  }
}

TEST(Limits, AnEventOfMoreThanItsLimitIsRejectedAlone) {
  ParseAs small;
  small.limits.event_bytes_max = 1'000;
  auto event = [](std::size_t bytes) {
    std::string json = "{\"event\":\"big\",\"properties\":{\"a\":\"\"}}";
    return json.insert(json.size() - 3, bytes - json.size(), 'x');
  };
  ASSERT_EQ(event(1'000).size(), 1'000u);
  for (const char* separator : {"\n", ","}) {
    std::string body = event(1'000) + separator + event(1'001) + separator + event(900);
    Parsed parsed = parse(*separator == ',' ? "[" + body + "]" : body, small);
    EXPECT_EQ(parsed.events.size(), 2u);
    EXPECT_THAT(parsed.rejected, ElementsAre(Pair(1, "the event is larger than 1000 bytes")));
  }
}

TEST(Limits, AVeryLargeEventIsRejectedWithoutBeingRead) {
  std::string big = "{\"event\":\"big\",\"properties\":{\"a\":\"" + std::string(3'000'000, 'x') + "\"}}";
  for (const std::string& body :
       {"{\"event\":\"a\"}\n" + big + "\n{\"event\":\"b\"}", "[{\"event\":\"a\"}," + big + ",{\"event\":\"b\"}]",
        "[{\"event\":\"a\"}," + std::string(5'000'000, ' ') + "{\"event\":\"x\"},{\"event\":\"b\"}]"}) {
    Parsed parsed = parse(body);
    EXPECT_THAT(names(parsed), ElementsAre("a", "b"));
    EXPECT_THAT(parsed.rejected, ElementsAre(Pair(1, "the event is larger than 1000000 bytes")));
  }
  EXPECT_THAT(parse("[" + big + "]").rejected.size(), 1u);
  EXPECT_THAT(names(parse("{\"event\":\"a\"}" + std::string(5'000'000, '\n') + "{\"event\":\"b\"}")),
              ElementsAre("a", "b"));
}

TEST(Limits, MoreEventsThanAllowedRefuseTheRequest) {
  ParseAs three;
  three.limits.batch_events_max = 3;
  std::string good = "{\"event\":\"a\"}";
  EXPECT_EQ(parse(good + "\n" + good + "\nbad", three).events.size(), 2u);
  EXPECT_EQ(parse("[" + good + "," + good + "," + good + "]", three).events.size(), 3u);
  for (const std::string& body : {good + "\n" + good + "\n" + good + "\nbad", "[" + good + ",1,2," + good + "]"}) {
    Parsed parsed = parse(body, three);
    ASSERT_FALSE(parsed.result.ok());
    EXPECT_EQ(parsed.result.error().code, Code::kFull);
  }
}

TEST(Partitions, FollowTheUserThenTheAnonymousIdThenTheMessageId) {
  ParseAs sixteen;
  sixteen.partitions = 16;
  std::string body;
  for (int i = 0; i < 50; ++i) {
    std::string n = std::to_string(i);
    body += R"({"event":"e","user_id":"u)" + n + R"(","anonymous_id":"a","message_id":"m"})" + "\n";
    body += R"({"event":"e","anonymous_id":"u)" + n + R"(","message_id":"m"})" + "\n";
    body += R"({"event":"e","message_id":"u)" + n + R"("})" + "\n";
  }
  std::set<std::uint16_t> seen;
  Parsed parsed = parse(body, sixteen);
  EXPECT_EQ(parsed.events.size(), 150u);
  for (const OwnedEvent& event : parsed.events) {
    const std::string& key = !event.user_id.empty()        ? event.user_id
                             : !event.anonymous_id.empty() ? event.anonymous_id
                                                           : event.id;
    EXPECT_EQ(event.partition, partition_of(key, 16));
    seen.insert(event.partition.value);
  }
  EXPECT_GT(seen.size(), 10u);
}

TEST(Partitions, EventsOfNobodyAreSpreadEvenly) {
  ParseAs four;
  four.partitions = 4;
  std::string body;
  for (int i = 0; i < 40; ++i) {
    body += "{\"event\":\"e\"}\n";
  }
  std::vector<int> count(4);
  for (const OwnedEvent& event : parse(body, four).events) {
    ++count[event.partition.value];
  }
  EXPECT_THAT(count, ElementsAre(10, 10, 10, 10));
}

TEST(IdempotencyKey, GivesEventsWithoutIdTheirIndexAsIt) {
  ParseAs with_key;
  with_key.partitions = 4;
  with_key.idempotency_key = "batch-7";
  Parsed parsed = parse("{\"event\":\"a\"}\nbad\n{\"event\":\"b\",\"message_id\":\"m\"}\n{\"event\":\"c\"}", with_key);
  ASSERT_EQ(parsed.events.size(), 3u);
  for (const OwnedEvent& event : parsed.events) {
    if (event.event == "b") {
      EXPECT_EQ(event.id_kind, IdKind::kMessage);
      EXPECT_EQ(event.id, "m");
    } else {
      std::string id = std::string("batch-7\0", 8) + (event.event == "a" ? "0" : "3");
      EXPECT_EQ(event.id_kind, IdKind::kBatch);
      EXPECT_EQ(event.id, id);
      EXPECT_EQ(event.partition, partition_of(id, 4)) << "a repeat must find the same partition";
    }
  }
}

}  // namespace
}  // namespace millrace
