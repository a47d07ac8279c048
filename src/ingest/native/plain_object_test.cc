// The short way against the long one: what the short way takes, the long way must take too, with the same outcome.
#include "ingest/native/plain_object.h"

#include <random>

#include <gtest/gtest.h>

#include "ingest/native/canonical.h"

namespace millrace {
namespace {

struct Outcome {
  bool is_json = false;
  std::string reason, text, index;
  std::size_t keys = 0;
  std::size_t tokens_taken = 0;
  bool operator==(const Outcome&) const = default;
};

class PlainObjectTest : public ::testing::Test {
 protected:
  // What CanonicalObject makes of an object, with the short way or without it.
  Outcome read(std::string_view json, bool short_way) {
    std::string text = std::string(json) + std::string(64, ' ');
    Tokens tokens;
    EXPECT_EQ(index_.build(std::string_view(text).substr(0, json.size()), tokens), StructuralIndex::Outcome::kOk);
    const std::uint32_t* begin = tokens.at;
    CanonicalObject object;
    if (!short_way) {
      object.only_the_long_way();
    }
    EventState state;
    Outcome outcome;
    outcome.is_json = object.read(tokens, 2, state);
    outcome.reason = state.verdict.reason();
    if (outcome.is_json && state.verdict.good()) {
      outcome.text = object.text();
      outcome.index = object.index();
      outcome.keys = state.keys;
      outcome.tokens_taken = static_cast<std::size_t>(tokens.at - begin);
    }
    return outcome;
  }

  bool is_plain(std::string_view json) {
    std::string text = std::string(json) + std::string(64, ' ');
    Tokens tokens;
    EXPECT_EQ(index_.build(std::string_view(text).substr(0, json.size()), tokens), StructuralIndex::Outcome::kOk);
    PlainObject object;
    return read_plain_object(tokens, object);
  }

  StructuralIndex index_{1 << 16};
};

TEST_F(PlainObjectTest, WhatMachinesWriteIsPlain) {
  for (std::string_view json :
       {R"({"a":1})", R"({"path":"/p/1","plan":"free","price":1.25,"items":3,"mobile":true})", R"({"":""})",
        R"({"a":null,"b":false,"c":-0.5,"d":"{[,:]}"})", R"({"é":"ü","long_name_of_a_key":0})"}) {
    EXPECT_TRUE(is_plain(json)) << json;
    EXPECT_EQ(read(json, true), read(json, false)) << json;
  }
}

TEST_F(PlainObjectTest, WhatIsNotIsLeftToTheLongWay) {
  for (std::string_view json :
       {R"({})",          R"({"a": 1})",       R"({ "a":1})",    R"({"a" :1})",
        R"({"a":1 })",    R"({"a":1, "b":2})", R"({"a":"x" })",  R"({"a":{}})",
        R"({"a":[1]})",   R"({"a":1,"a":2})",  R"({"a":-0})",    R"({"a":123456789012345678901})",
        R"({"a":1e999})", R"({"a":tru})",      R"({"a":truex})", R"({"a":01})",
        R"({"a"})",       R"({"a":})",         R"({"a":1,})",    R"({"a":1)",
        R"({"a":1])",     R"({a:1})",          R"({1:2})",       R"({"a":"b"c})",
        R"({"a"b:1})",    R"({"a":1;"b":2})",  R"({"a"::1})",    R"({"a",1})"}) {
    EXPECT_FALSE(is_plain(json)) << json;
    EXPECT_EQ(read(json, true), read(json, false)) << json;
  }
}

TEST_F(PlainObjectTest, ManyMembersAndLongKeysAreLeftToTheLongWay) {
  auto members = [](std::size_t count) {
    std::string json = "{";
    for (std::size_t i = 0; i < count; ++i) {
      json += (i > 0 ? ",\"k" : "\"k") + std::to_string(i) + "\":" + std::to_string(i);
    }
    return json + "}";
  };
  EXPECT_TRUE(is_plain(members(kPlainMembersMax)));
  EXPECT_FALSE(is_plain(members(kPlainMembersMax + 1)));
  for (std::size_t count : {kPlainMembersMax, kPlainMembersMax + 1, std::size_t{1001}}) {
    EXPECT_EQ(read(members(count), true), read(members(count), false)) << count;
  }
  for (std::size_t bytes : {256, 257}) {
    std::string json = "{\"" + std::string(bytes, 'k') + "\":1}";
    EXPECT_EQ(is_plain(json), bytes == 256);
    EXPECT_EQ(read(json, true), read(json, false)) << bytes;
  }
}

TEST_F(PlainObjectTest, ItSaysTheSameAsTheLongWayOfAnyObject) {
  constexpr std::uint64_t kSeed = 7;
  std::mt19937_64 random(kSeed);
  const std::vector<std::string> pieces = {"{",
                                           "}",
                                           "[",
                                           "]",
                                           ",",
                                           ":",
                                           "\"a\"",
                                           "\"b\"",
                                           "\"abcdefgh\"",
                                           "\"abcdefghi\"",
                                           "1",
                                           "-1.5",
                                           "true",
                                           "false",
                                           "null",
                                           " ",
                                           "\"\"",
                                           "-0",
                                           "1e5",
                                           "x",
                                           "\"a",
                                           "\"a\":1",
                                           ",\"b\":\"c\"",
                                           ",\"d\":null",
                                           "\"k\":\"é\"",
                                           "\"\\n\"",
                                           "\t",
                                           "0.1"};
  std::size_t plain = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string json = "{\"a\":1";
    if (round % 2 == 0) {
      json = "{";
    }
    for (std::uint64_t i = random() % 8; i > 0; --i) {
      json += pieces[random() % pieces.size()];
    }
    json += random() % 4 == 0 ? "" : "}";
    std::string padded = json + std::string(64, ' ');
    Tokens tokens;
    if (index_.build(std::string_view(padded).substr(0, json.size()), tokens) != StructuralIndex::Outcome::kOk) {
      continue;
    }
    ASSERT_EQ(read(json, true), read(json, false)) << json << " (seed " << kSeed << ", round " << round << ")";
    plain += is_plain(json);
  }
  EXPECT_GT(plain, 1000U);
}

}  // namespace
}  // namespace millrace
