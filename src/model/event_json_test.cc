#include "model/event_json.h"

#include <fstream>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "model/index_for_test.h"
#include "model/record.h"
#include "model/signup_for_test.h"

namespace millrace {
namespace {

std::string record_of(const EventView& event) {
  std::string record;
  begin_record(record, "default");
  append_event(record, event);
  return record;
}

// The same record as before: so nothing is lost.
void expect_comes_back(EventView event) {
  std::string index = index_of(event.properties);
  event.property_index = index;
  std::string json;
  append_event_json(json, event);
  EXPECT_TRUE(Json::parse(json).ok()) << json;
  EventJsonReader reader;
  ASSERT_TRUE(reader.read(json)) << json;
  EXPECT_EQ(record_of(reader.event()), record_of(event)) << json;
}

TEST(EventJson, TheTextOfTheDocumentIsTheOneThatIsWritten) {
  std::ifstream file("docs/formats/kafka-message.md");
  std::stringstream page;
  page << file.rdbuf();
  std::string json;
  append_event_json(json, signup());
  EXPECT_NE(page.str().find(json), std::string::npos) << json;
}

TEST(EventJson, EverythingThatAnEventHasComesBack) {
  expect_comes_back(signup());
  EventView bare;
  bare.event = "x";
  expect_comes_back(bare);
  EventView full = signup();
  full.anonymous_id = "a";
  full.session_id = "s";
  full.sent = 1'332'051'369'123'456'789;
  full.time = -2'208'988'800'000'000'000;  // the earliest that is taken
  full.context = R"({"a":{"b":["}",{}]},"c":"{"})";
  full.properties =
      R"({"":null,"n":-1.5e300,"b":true,"o":{"k":[1,{"x":"]"}]},"s":"\"\\\u0001ü,}","a":[],"i":18446744073709551615})";
  expect_comes_back(full);
  full.time = 9'214'646'399'999'999'999;
  expect_comes_back(full);
}

TEST(EventJson, TextsWithEscapesComeBack) {
  std::string all;
  for (int byte = 1; byte < 0x80; ++byte) {
    all.push_back(static_cast<char>(byte));
  }
  EventView event = signup();
  event.event = event.user_id = event.session_id = event.id = all;
  event.anonymous_id = "ä\\u0041\"";
  expect_comes_back(event);
}

TEST(EventJson, AnIdThatIsNotTheEventsOwnIsLeftOut) {
  EventView event = signup();
  event.id_kind = IdKind::kBatch;
  std::string json;
  append_event_json(json, event);
  EventJsonReader reader;
  ASSERT_TRUE(reader.read(json));
  EXPECT_EQ(reader.event().id_kind, IdKind::kNone);
  EXPECT_EQ(reader.event().id, "");
}

TEST(EventJson, WhatIsCutOffIsNotRead) {
  EventView event = signup();
  event.session_id = "a\n";
  event.context = R"({"a":{"b":[1]}})";
  std::string json;
  append_event_json(json, event);
  EventJsonReader reader;
  ASSERT_TRUE(reader.read(json));
  for (std::size_t i = 0; i < json.size(); ++i) {
    EXPECT_FALSE(reader.read(json.substr(0, i))) << json.substr(0, i);
    EXPECT_FALSE(reader.read(json.substr(i + 1))) << json.substr(i + 1);
  }
  EXPECT_FALSE(reader.read(json + " "));
}

TEST(EventJson, OtherTextIsNotRead) {
  EventJsonReader reader;
  const std::string time = R"(,"timestamp":"2012-03-18T06:16:09Z")";
  EXPECT_TRUE(reader.read(R"({"event":"x")" + time + "}"));
  const std::vector<std::string> others = {std::string(""),
                                           std::string("{}"),
                                           std::string(R"({"event":"x"})"),
                                           R"({"event":"")" + time + "}",
                                           R"({ "event":"x")" + time + "}",
                                           R"({"event":1)" + time + "}",
                                           R"({"event":"\x")" + time + "}",
                                           R"({"event":"\u0100")" + time + "}",
                                           R"({"event":"x","event":"x")" + time + "}",
                                           R"({"event":"x","timestamp":"yesterday"})",
                                           R"({"event":"x")" + time + R"(,"properties":[]})",
                                           R"({"event":"x")" + time + R"(,"properties":{"a":}})",
                                           R"({"event":"x")" + time + R"(,"properties":{"a":1,}})",
                                           R"({"event":"x")" + time + R"(,"properties":{"a"}})",
                                           R"({"event":"x")" + time + R"(,"properties":{a:1}})",
                                           R"({"event":"x")" + time + R"(,"properties":{"a":1}{}})",
                                           R"({"event":"x")" + time + R"(,"context":1})"};
  for (const std::string& other : others) {
    EXPECT_FALSE(reader.read(other)) << other;
  }
}

}  // namespace
}  // namespace millrace
