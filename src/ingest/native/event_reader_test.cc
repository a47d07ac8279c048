// The rules of docs/guides/sending-events.md for one event, one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingest/native/event_time.h"
#include "ingest/native/parser_fixture.h"

namespace millrace {
namespace {

using testing::HasSubstr;

std::string properties(const std::string& json) { return one(R"({"event":"e","properties":)" + json + "}").properties; }
std::string why_properties(const std::string& json) { return why(R"({"event":"e","properties":)" + json + "}"); }
TimeNs time_of(const std::string& json) { return one(R"({"event":"e","timestamp":)" + json + "}").time; }
std::string why_time(const std::string& json) { return why(R"({"event":"e","timestamp":)" + json + "}"); }

TEST(Event, EveryFieldIsTaken) {
  OwnedEvent e = one(R"({"event":"signup","user_id":"u1","anonymous_id":"a1","session_id":"s1",
    "timestamp":"2012-03-18T06:16:09.000Z","sent_at":"2012-03-18T06:16:10Z","message_id":"m1",
    "properties":{"plan":"pro"},"context":{"ip":"::1"}})");
  EXPECT_EQ(e.project, "default");
  EXPECT_EQ(e.event, "signup");
  EXPECT_EQ(e.user_id, "u1");
  EXPECT_EQ(e.anonymous_id, "a1");
  EXPECT_EQ(e.session_id, "s1");
  EXPECT_EQ(e.time, 1'332'051'369'000'000'000);
  EXPECT_EQ(e.sent, 1'332'051'370'000'000'000);
  EXPECT_EQ(e.id_kind, IdKind::kMessage);
  EXPECT_EQ(e.id, "m1");
  EXPECT_EQ(e.properties, R"({"plan":"pro"})");
  EXPECT_EQ(e.context, R"({"ip":"::1"})");
}

TEST(Event, OrderOfFieldsDoesNotMatter) {
  OwnedEvent a = one(R"({"properties":{"x":1},"message_id":"m","user_id":"u","event":"e"})");
  OwnedEvent b = one(R"({"event":"e","user_id":"u","message_id":"m","properties":{"x":1}})");
  EXPECT_EQ(std::tie(a.event, a.user_id, a.id, a.properties), std::tie(b.event, b.user_id, b.id, b.properties));
}

TEST(Event, AbsentAndNullFieldsAreEmpty) {
  for (const char* body : {R"({"event":"e"})", R"({"event":"e","user_id":null,"anonymous_id":null,"session_id":null,
      "timestamp":null,"sent_at":null,"message_id":null,"properties":null,"context":null})",
                           R"({"event":"e","user_id":"","message_id":""})"}) {
    OwnedEvent e = one(body);
    EXPECT_EQ(e.user_id + e.anonymous_id + e.session_id + e.id, "");
    EXPECT_EQ(e.id_kind, IdKind::kNone);
    EXPECT_EQ(e.time, kReceived);
    EXPECT_EQ(e.sent, kNoTime);
    EXPECT_EQ(e.properties, "{}");
    EXPECT_EQ(e.context, "{}");
    EXPECT_EQ(e.index, "");
  }
}

TEST(Event, NameIsRequired) {
  for (const char* body : {"{}", R"({"event":""})", R"({"event":null})", R"({"user_id":"u"})"}) {
    EXPECT_EQ(why(body), "the field \"event\" is missing or empty");
  }
  EXPECT_EQ(why(R"({"event":5})"), "event must be a string");
  EXPECT_EQ(why(R"({"event":true})"), "event must be a string");
  EXPECT_EQ(why(R"({"event":{"a":1}})"), "event must be a string");
  EXPECT_EQ(one(R"({"event":")" + std::string(200, 'x') + R"("})").event.size(), 200u);
  EXPECT_THAT(why(R"({"event":")" + std::string(201, 'x') + R"("})"), HasSubstr("201 bytes, more than 200"));
}

TEST(Event, IdsMayBeNumbersAndKeepTheirDigits) {
  OwnedEvent e = one(R"({"event":"e","user_id":42,"session_id":123456789012345678901234567890,"message_id":-1.50})");
  EXPECT_EQ(e.user_id, "42");
  EXPECT_EQ(e.session_id, "123456789012345678901234567890");
  EXPECT_EQ(e.id, "-1.50");
  EXPECT_EQ(why(R"({"event":"e","user_id":true})"), "user_id must be a string or a number");
  EXPECT_EQ(why(R"({"event":"e","anonymous_id":[]})"), "anonymous_id must be a string or a number");
  EXPECT_EQ(why(R"({"event":"e","message_id":{"a":{}}})"), "message_id must be a string or a number");
}

TEST(Event, IdsHaveAtMost512Bytes) {
  for (const char* field : {"user_id", "anonymous_id", "session_id", "message_id"}) {
    auto body = [field](std::size_t bytes) {
      return R"({"event":"e",")" + std::string(field) + R"(":")" + std::string(bytes, 'x') + R"("})";
    };
    one(body(512));
    EXPECT_THAT(why(body(513)), HasSubstr("513 bytes, more than 512"));
  }
}

TEST(Event, UnknownFieldsAreRejectedWithAHint) {
  EXPECT_EQ(why(R"({"event":"e","userId":"u"})"), R"(there is no field "userId"; did you mean "user_id"?)");
  EXPECT_EQ(why(R"({"event":"e","time":1})"), R"(there is no field "time"; did you mean "timestamp"?)");
  EXPECT_EQ(why(R"({"event":"e","color":{"a":[1,2]}})"),
            R"(there is no field "color"; what is your own goes into "properties")");
}

TEST(Event, OfARepeatedFieldTheLastCounts) {
  OwnedEvent e =
      one(R"({"event":"a","properties":{"x":1},"user_id":"u","event":"b","properties":{"y":2},"user_id":null})");
  EXPECT_EQ(e.event, "b");
  EXPECT_EQ(e.properties, R"({"y":2})");
  EXPECT_EQ(e.user_id, "");
}

TEST(Event, NamesOfFieldsMayBeEscaped) { EXPECT_EQ(one(R"({"\u0065vent":"e","user\u005fid":"u"})").user_id, "u"); }

TEST(Event, TextIsUnescaped) {
  OwnedEvent e = one(R"({"event":"a\"b\\c\/d\n\u00e9\ud83d\ude00","user_id":"\u0041"})");
  EXPECT_EQ(e.event, "a\"b\\c/d\n\xc3\xa9\xf0\x9f\x98\x80");
  EXPECT_EQ(e.user_id, "A");
}

TEST(Event, PropertiesAndContextMustBeObjects) {
  for (const char* value : {"1", "\"x\"", "[]", "true"}) {
    EXPECT_EQ(why_properties(value), "properties must be an object");
    EXPECT_EQ(why(R"({"event":"e","context":)" + std::string(value) + "}"), "context must be an object");
  }
}

TEST(EventTime, IsRfc3339OrEpochByMagnitude) {
  constexpr TimeNs kTime = 1'332'051'369'000'000'000;
  for (const char* text :
       {R"("2012-03-18T06:16:09Z")", R"("2012-03-18T06:16:09.000Z")", R"("2012-03-18 08:16:09+02:00")", "1332051369",
        R"("1332051369")", "1332051369000", "1332051369000000", "1332051369000000000", R"("1332051369000000000")",
        "1332051369.0", "1.332051369e9", "1332051369000e0"}) {
    EXPECT_EQ(time_of(text), kTime) << text;
  }
  EXPECT_EQ(time_of("1332051369.123456789"), kTime + 123'456'789);
  EXPECT_EQ(time_of("1332051369123.4567899"), kTime + 123'456'789);
  EXPECT_EQ(time_of("1332051369.5"), kTime + 500'000'000);
  EXPECT_EQ(time_of("0"), 0);
  EXPECT_EQ(time_of("-1"), -1'000'000'000);
  EXPECT_EQ(time_of("-1.25"), -1'250'000'000);
  EXPECT_EQ(time_of("4999999999"), 4'999'999'999'000'000'000);     // the last second
  EXPECT_EQ(time_of("5000000000"), 5'000'000'000'000'000);         // the first millisecond
  EXPECT_EQ(time_of("4999999999999"), 4'999'999'999'999'000'000);  // the last millisecond
  EXPECT_EQ(time_of("5000000000000"), 5'000'000'000'000'000);      // the first microsecond
  EXPECT_EQ(time_of("5000000000000000"), 5'000'000'000'000'000);   // the first nanosecond
}

TEST(EventTime, OutsideOf1900To2261IsRejected) {
  EXPECT_EQ(time_of(R"("1900-01-01T00:00:00Z")"), kEventTimeMin);
  EXPECT_EQ(time_of(R"("2261-12-31T23:59:59.999999999Z")"), kEventTimeEnd - 1);
  EXPECT_EQ(time_of("-2208988800"), kEventTimeMin);
  EXPECT_THAT(why_time(R"("1899-12-31T23:59:59Z")"), HasSubstr("not of the years 1900 to 2261"));
  EXPECT_THAT(why_time("-2208988801"), HasSubstr("not of the years 1900 to 2261"));
  EXPECT_THAT(why_time("9214646400000000000"), HasSubstr("not of the years 1900 to 2261"));
  for (const char* text : {R"("2262-01-01T00:00:00Z")", "1e300", "99999999999999999999", "-9223372036854775808"}) {
    EXPECT_THAT(why_time(text), HasSubstr("1900 to 2261")) << text;
  }
}

TEST(EventTime, WhatIsNoTimeIsRejected) {
  for (const char* text :
       {R"("yesterday")", R"("")", R"("2012-03-18")", R"("2012-02-30T00:00:00Z")", R"("1332051369s")", R"("-")",
        R"("1e")", R"("NaN")", R"("0x10")", R"("2012-03-18T06:16:09")"}) {
    EXPECT_THAT(why_time(text), HasSubstr("neither an RFC 3339 time")) << text;
  }
  EXPECT_EQ(why_time("true"), "timestamp must be a string or a number");
  EXPECT_EQ(why(R"({"event":"e","sent_at":{}})"), "sent_at must be a string or a number");
}

TEST(Properties, AreKeptAsCanonicalText) {
  EXPECT_EQ(properties("{}"), "{}");
  EXPECT_EQ(properties(" { } "), "{}");
  EXPECT_EQ(properties(R"({"a":[1,{"b":null}],"c":true})"), R"({"a":[1,{"b":null}],"c":true})");
  EXPECT_EQ(properties("{ \"a\" :\t[ 1 , { \"b\" : null } ] ,\r\n \"c\" : true , \"d\" : [ ] , \"e\" : { } }"),
            R"({"a":[1,{"b":null}],"c":true,"d":[],"e":{}})");
}

TEST(Properties, StringsHaveAsFewEscapesAsPossible) {
  EXPECT_EQ(properties(R"({"a":"\u0041\/\u00e9\ud83d\ude00"})"), "{\"a\":\"A/\xc3\xa9\xf0\x9f\x98\x80\"}");
  EXPECT_EQ(properties(R"({"a":"\"\\\b\f\n\r\t\u0001\u001F\u007f"})"),
            "{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"}");
  EXPECT_EQ(properties(R"({"a":"\u0022\u005c\u0008\u000A"})"), R"({"a":"\"\\\b\n"})");
  EXPECT_EQ(properties(R"({"\u0061":1,"x\ty":2})"), R"({"a":1,"x\ty":2})");
}

TEST(Properties, NumbersKeepTheirDigits) {
  for (const char* number : {"0", "1", "-1", "1.0", "1.10", "-0.0", "1e5", "1E+5", "1.5e-7", "0.1", "9007199254740993",
                             "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1e308", "1e-400",
                             "0e999999999999999999999", "0.000000000000000000000000000000000001e300"}) {
    EXPECT_EQ(properties(R"({"a":)" + std::string(number) + "}"), R"({"a":)" + std::string(number) + "}");
  }
}

TEST(Properties, IntegersBeyond64BitsBecomeTheNearestDouble) {
  EXPECT_EQ(properties(R"({"a":18446744073709551616})"), R"({"a":1.8446744073709552e+19})");
  EXPECT_EQ(properties(R"({"a":-9223372036854775809})"), R"({"a":-9.223372036854776e+18})");
  EXPECT_EQ(properties(R"({"a":123456789012345678901234567890,"b":1})"), R"({"a":1.2345678901234568e+29,"b":1})");
}

TEST(Properties, MinusZeroIsZero) { EXPECT_EQ(properties(R"({"a":-0,"b":[-0]})"), R"({"a":0,"b":[0]})"); }

TEST(Properties, NumbersThatNoDoubleHoldsAreRejected) {
  for (const std::string& number : {std::string("1e400"), std::string("-1e309"), std::string("1e999999999999999999999"),
                                    std::string("0.001e400"), std::string(400, '9'), std::string(400, '9') + ".5"}) {
    EXPECT_THAT(why_properties(R"({"a":)" + number + "}"), HasSubstr("too large for a double")) << number;
  }
}

TEST(Properties, WhatJsonDoesNotKnowIsRejected) {
  for (const char* value :
       {"NaN",       "Infinity",   "-Infinity",   "-",           "+1",        ".5",     "1.",        "01",    "-01",
        "1e",        "1e+",        "0x1",         "1_0",         "tru",       "truex",  "nul",       "nullx", "'a'",
        "undefined", "1 2",        "\"a\" \"b\"", "1\x01",       "\"a\"x",    "1\"a\"", "\\\"a\\\"", "{1:2}", "{\"a\"}",
        "{\"a\":}",  "{\"a\":1,}", "[1,]",        "[1 2]",       "[,]",       "[1}",    "{\"a\":1]", "",      ":",
        ",",         "]",          "\"\\x\"",     "\"\\u12g4\"", "\"\\u12\"", "1\f",    "[1]]"}) {
    EXPECT_THAT(why_properties(R"({"a":)" + std::string(value) + "}"), HasSubstr("not valid JSON")) << value;
  }
}

TEST(Properties, OfARepeatedKeyTheLastCountsAtEveryDepth) {
  EXPECT_EQ(properties(R"({"a":1,"b":2,"a":3})"), R"({"b":2,"a":3})");
  EXPECT_EQ(properties(R"({"a":1,"a":2,"a":3})"), R"({"a":3})");
  EXPECT_EQ(properties(R"({"x":{"a":1,"b":[{"k":1,"k":{}}],"a":{"q":1,"q":2}},"y":0})"),
            R"({"x":{"b":[{"k":{}}],"a":{"q":2}},"y":0})");
  EXPECT_EQ(properties(R"({"a":1,"\u0061":2})"), R"({"a":2})");
  EXPECT_EQ(properties(R"({"a" : "x\u0041" , "b":1 , "a" : [ 1 ] } )"), R"({"b":1,"a":[1]})");
  EXPECT_EQ(properties(R"({"":1,"":2})"), R"({"":2})");
}

TEST(Properties, ARepeatedKeyAmongManyIsFound) {
  std::string json = "{", expected = "{";
  for (int i = 0; i < 500; ++i) {
    json += "\"k" + std::to_string(i) + "\":1,";
    if (i != 7) {
      expected += "\"k" + std::to_string(i) + "\":1,";
    }
  }
  EXPECT_EQ(properties(json + "\"k7\":2}"), expected + "\"k7\":2}");
}

TEST(Properties, DifferentKeysAreAllKept) {
  std::string json = "{\"aaaaaaaa\":1,\"aaaaaaab\":1,\"aaaaaaaaa\":1,\"A\":1,\"a\":1,\"a.b\":1,\"\":1";
  for (int i = 0; i < 900; ++i) {
    json += ",\"" + std::to_string(i * 7919) + "\":0";
  }
  EXPECT_EQ(properties(json + "}"), json + "}");
}

TEST(Properties, MayNestToTheSixtyFourthLevel) {
  auto nested = [](std::size_t levels, char open, char close) {  // the event and properties are two of them
    return R"({"a":)" + std::string(levels - 2, open) + "1" + std::string(levels - 2, close) + "}";
  };
  EXPECT_EQ(properties(nested(64, '[', ']')), nested(64, '[', ']'));
  EXPECT_THAT(why_properties(nested(65, '[', ']')), HasSubstr("deeper than 64 levels"));
  std::string objects;
  for (int i = 0; i < 63; ++i) {
    objects += "{\"a\":";
  }
  EXPECT_EQ(properties(objects + "1" + std::string(63, '}')), objects + "1" + std::string(63, '}'));
  EXPECT_THAT(why_properties("{\"a\":" + objects + "1" + std::string(64, '}')), HasSubstr("deeper than 64 levels"));
}

TEST(Properties, HoldAtMostAThousandKeysTogetherWithContext) {
  auto object = [](int keys) {
    std::string json = "{\"n\":{";
    for (int i = 1; i < keys; ++i) {
      json += (i > 1 ? "," : "") + ("\"k" + std::to_string(i)) + "\":1";
    }
    return json + "}}";
  };
  one(R"({"event":"e","properties":)" + object(600) + R"(,"context":)" + object(400) + "}");
  EXPECT_THAT(why(R"({"event":"e","properties":)" + object(600) + R"(,"context":)" + object(401) + "}"),
              HasSubstr("more than 1000 keys"));
}

TEST(Properties, KeysHaveAtMost256Bytes) {
  properties("{\"" + std::string(256, 'k') + "\":1}");
  EXPECT_THAT(why_properties("{\"" + std::string(257, 'k') + "\":1}"), HasSubstr("more than 256 bytes"));
}

TEST(Text, ThatIsNotUtf8IsRejected) {
  for (const char* text : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(why_properties("{\"a\":\"" + std::string(text) + "\"}"), "not valid JSON: it is not UTF-8");
  }
}

TEST(Text, LoneSurrogatesAndNulAreRejected) {
  for (const char* text : {"\\ud800", "\\udc00", "\\ud800x", "\\ud800\\u0041", "\\udc00\\ud800", "\\ud800\\ud800"}) {
    EXPECT_THAT(why_properties("{\"a\":\"" + std::string(text) + "\"}"), HasSubstr("half of a surrogate pair")) << text;
    EXPECT_THAT(why("{\"event\":\"" + std::string(text) + "\"}"), HasSubstr("half of a surrogate pair")) << text;
  }
  EXPECT_THAT(why_properties(R"({"a":"x\u0000"})"), HasSubstr("\\u0000"));
  EXPECT_THAT(why_properties(R"({"x\u0000":1})"), HasSubstr("\\u0000"));
  EXPECT_THAT(why(R"({"event":"x\u0000"})"), HasSubstr("\\u0000"));
}

TEST(Text, ControlCharactersMustBeEscaped) {
  for (char c : {'\0', '\x01', '\t', '\n', '\x1f'}) {
    EXPECT_THAT(parse("{\"event\":\"a" + std::string(1, c) + "b\"}").rejected.at(0).second,
                HasSubstr("not valid JSON"));
  }
}

}  // namespace
}  // namespace millrace
