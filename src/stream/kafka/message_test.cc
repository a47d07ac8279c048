#include "stream/kafka/message.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace millrace {
namespace {

const MessageInfo kExample{Generation(1), 3, 1'764'119'051'000'000'000, 0x9f86d081884c7d65, 17};

TEST(KafkaMessage, TheHeaderOfTheDocumentIsTheOneThatIsWritten) {
  std::ifstream file("docs/formats/kafka-message.md");
  std::stringstream page;
  page << file.rdbuf();
  std::string text;
  format_message_info(kExample, text);
  EXPECT_NE(page.str().find(text), std::string::npos) << text;
}

TEST(KafkaMessage, ComesBackAsItWas) {
  std::string text = "what was there before";
  format_message_info(kExample, text);
  Result<MessageInfo> info = parse_message_info(text);
  ASSERT_TRUE(info.ok()) << info.error().message;
  EXPECT_EQ(*info, kExample);
}

TEST(KafkaMessage, WhatStandsForEventsThatAreGoneIsOfAVersionThatOlderProgramsStopAt) {
  for (MessageFormat format : {MessageFormat::kGone, MessageFormat::kDamaged}) {
    MessageInfo info = kExample;
    info.format = format;
    std::string text;
    format_message_info(info, text);
    EXPECT_TRUE(text.starts_with("v=2 ")) << text;
    Result<MessageInfo> again = parse_message_info(text);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(*again, info);
  }
}

TEST(KafkaMessage, OneEventAsJsonIsOfAVersionThatOlderProgramsStopAt) {
  MessageInfo info = kExample;
  info.format = MessageFormat::kJson;
  std::string text;
  format_message_info(info, text);
  EXPECT_TRUE(text.starts_with("v=3 format=json ")) << text;
  EXPECT_EQ(parse_message_info(text).error().code, Code::kNotFound) << "it has three events";
  info.events = 1;
  format_message_info(info, text);
  EXPECT_EQ(*parse_message_info(text), info);
}

TEST(KafkaMessage, WhatIsNotWholeIsNotOurs) {
  std::string text;
  format_message_info(kExample, text);
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    Result<MessageInfo> info = parse_message_info(text.substr(0, i));
    ASSERT_FALSE(info.ok()) << text.substr(0, i);
    EXPECT_EQ(info.error().code, Code::kNotFound);
  }
  for (const char* other : {"", "v=0 format=packed", "v=x", "hello", "v=1 format=other events=1"}) {
    EXPECT_EQ(parse_message_info(other).error().code, Code::kNotFound) << other;
  }
  EXPECT_EQ(parse_message_info(text + " more=1").error().code, Code::kNotFound);
}

TEST(KafkaMessage, ANewerVersionIsNotPassedOver) {
  EXPECT_EQ(parse_message_info("v=4 anything").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace millrace
