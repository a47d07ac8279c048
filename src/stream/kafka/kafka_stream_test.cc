// What is Kafka's own, against real brokers: MILLRACE_TEST_KAFKA has their addresses, as tests/kafka/test_contract.py
// sets it. The stream's contract, in stream_test.cc, is the other part.
#include "stream/kafka/kafka_stream.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "model/record.h"
#include "stream/kafka/kafka_producer.h"
#include "stream/kafka/message.h"
#include "stream/kafka/topic_for_test.h"
#include "stream/recording_listener.h"

namespace millrace {
namespace {

class KafkaStreamTest : public testing::Test {
 protected:
  void SetUp() override {
    if (brokers_for_test().empty()) {
      GTEST_SKIP() << "NO KAFKA WAS TESTED HERE: MILLRACE_TEST_KAFKA names no brokers. make test ONLY=kafka starts "
                      "some, and fails if this is skipped there";
    }
  }
  std::unique_ptr<TopicStream> open() {
    Result<std::unique_ptr<TopicStream>> stream = place_.open();
    EXPECT_TRUE(stream.ok()) << stream.error().message;
    return std::move(*stream);
  }
  // What somebody else writes into the topic, as a message with that header.
  void write(const MessageInfo& info, std::string_view value, std::string_view project = {}) {
    kafka::Producer producer(place_.options().client);
    ASSERT_TRUE(producer.begin().ok());
    ASSERT_TRUE(producer.send(zero_, info, {value, {}, project, {}}, 0).ok());
    bool done = false;
    while (!done) {
      producer.poll(100, [&](const kafka::Report& report) { done = report.offset.ok(); });
    }
  }
  std::vector<std::string> read_all(Stream& stream) {
    std::vector<std::string> payloads;
    auto reader = stream.reader(zero_, SequenceNumber(0)).value();
    for (Result<StreamEntry> entry = next_of(*reader); entry.ok(); entry = next_of(*reader)) {
      payloads.push_back(fmt::format("{}-{} {}", entry->range.begin.value, entry->range.end.value, entry->payload));
    }
    return payloads;
  }

  TopicForTest place_;
  const PartitionId zero_{0};
};

TEST_F(KafkaStreamTest, EverythingIsThereAgainAfterARestartWithAndWithoutItsIndex) {
  std::vector<std::string> expected = {"0-3 first", "3-4 second"};
  {
    std::unique_ptr<TopicStream> stream = open();
    ASSERT_TRUE(append_and_wait(*stream, zero_, 3, 100, "first").ok());
    ASSERT_TRUE(append_and_wait(*stream, zero_, 1, 90, "second").ok());
  }
  {
    std::unique_ptr<TopicStream> stream = open();
    EXPECT_EQ(stream->state(zero_).durable_end, SequenceNumber(4));
    EXPECT_EQ(stream->state(zero_).newest_received, 100);
    EXPECT_EQ(read_all(*stream), expected);
  }
  ASSERT_TRUE(posix_file_system().remove(place_.options().folder + "/0.index").ok());
  std::unique_ptr<TopicStream> stream = open();
  EXPECT_EQ(read_all(*stream), expected);
  EXPECT_EQ(append_and_wait(*stream, zero_, 1, 100, "third")->begin, SequenceNumber(4));
}

TEST_F(KafkaStreamTest, AMessageThatLiesInTheTopicTwiceIsCountedOnce) {
  std::unique_ptr<TopicStream> stream = open();
  ASSERT_TRUE(append_and_wait(*stream, zero_, 2, 100, "ours").ok());
  MessageInfo late{Generation(1), 5, 200, 0xabc, 0};
  MessageInfo later{Generation(1), 7, 200, 0xabc, 1};
  write(later, "eleven to twenty");  // before those that were sent first
  write(late, "one to ten");
  write(late, "one to ten");
  write(later, "eleven to twenty");
  EXPECT_EQ(append_and_wait(*stream, zero_, 1, 300, "behind")->begin, SequenceNumber(14));
  std::vector<std::string> expected = {"0-2 ours", "2-9 eleven to twenty", "9-14 one to ten", "14-15 behind"};
  EXPECT_EQ(read_all(*stream), expected);
  EXPECT_EQ(place_.metrics().get(Metric::kStreamSkipped), 2);
  stream.reset();
  stream = open();
  EXPECT_EQ(read_all(*stream), expected);
}

TEST_F(KafkaStreamTest, WhatIsSentAgainUnderItsNameIsAcknowledgedAndCountedOnce) {
  std::unique_ptr<TopicStream> stream = open();
  RecordingListener listener;
  MessageName name{0xabc, 7};
  ASSERT_TRUE(stream->append_as({zero_, 3, 100, "once", &listener}, name).ok());
  listener.wait(1);
  ASSERT_TRUE(stream->append_as({zero_, 3, 100, "once", &listener}, name).ok());
  EXPECT_EQ(*listener.wait(2)[0], (SequenceRange{SequenceNumber(0), SequenceNumber(3)}));
  EXPECT_EQ(*listener.wait(2)[1], (SequenceRange{SequenceNumber(3), SequenceNumber(3)}));
  stream.reset();
  stream = open();
  ASSERT_TRUE(stream->append_as({zero_, 3, 100, "once", &listener}, name).ok());
  EXPECT_EQ(*listener.wait(3)[2], (SequenceRange{SequenceNumber(3), SequenceNumber(3)}));
  EXPECT_EQ(read_all(*stream), std::vector<std::string>{"0-3 once"});
}

TEST_F(KafkaStreamTest, WhatIsGivenUpIsToldAtOnceAndMayBeSentAgain) {
  place_.options().client.linger_ms = 60'000;
  place_.options().client.timeout_ms = 120'000;
  std::unique_ptr<TopicStream> stream = open();
  RecordingListener listener;
  ASSERT_TRUE(stream->append_as({zero_, 3, 100, "waits", &listener}, {0xabc, 7}).ok());
  stream->give_up();
  EXPECT_EQ(listener.wait(1)[0].error().code, Code::kUnavailable);
  stream.reset();
  place_.options().client.linger_ms = 1;
  stream = open();
  ASSERT_TRUE(stream->append_as({zero_, 3, 100, "waits", &listener}, {0xabc, 7}).ok());
  EXPECT_TRUE(listener.wait(2)[1].ok());
  EXPECT_EQ(read_all(*stream), std::vector<std::string>{"0-3 waits"});
}

TEST_F(KafkaStreamTest, WhatOthersWriteIsCountedWithoutAnAppendOfOurs) {
  std::unique_ptr<TopicStream> stream = open();
  write({Generation(1), 5, 200, 0xabc, 0}, "another node's");
  stream->wait_for(zero_, SequenceNumber(4), 60'000);
  EXPECT_EQ(read_all(*stream), std::vector<std::string>{"0-5 another node's"});
}

TEST_F(KafkaStreamTest, MessagesOfAnotherGenerationArePassedOver) {
  std::unique_ptr<TopicStream> stream = open();
  write({Generation(7), 5, 200, 0xabc, 0}, "another generation's");
  EXPECT_EQ(append_and_wait(*stream, zero_, 2, 300, "ours")->begin, SequenceNumber(0));
  EXPECT_EQ(read_all(*stream), std::vector<std::string>{"0-2 ours"});
}

TEST_F(KafkaStreamTest, ATopicThatWasMadeAnewIsRefused) {
  {
    std::unique_ptr<TopicStream> stream = open();
    ASSERT_TRUE(append_and_wait(*stream, zero_, 3, 100, "first").ok());
  }
  ASSERT_TRUE(delete_kafka_topic(place_.options().client).ok());
  auto stream = place_.open();
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.error().code, Code::kCorrupt) << stream.error().message;
}

TEST_F(KafkaStreamTest, ATopicWithOtherPartitionsIsRefused) {
  open();
  place_.options().partitions = 3;
  auto stream = place_.open();
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.error().code, Code::kInvalid);
  EXPECT_NE(stream.error().message.find("has 2 partitions"), std::string::npos) << stream.error().message;
}

// ---- one event a message, as JSON ----

// A record of events with these names.
std::string record_of(std::initializer_list<std::string_view> names) {
  std::string record;
  begin_record(record, "shop");
  for (std::string_view name : names) {
    EventView event;
    event.event = name;
    event.user_id = "u1";
    event.time = 1'000'000'000;
    append_event(record, event);
  }
  return record;
}

// As read_all() shows it, from that place on.
std::string entry_of(std::uint64_t at, std::string_view name) {
  return fmt::format("{}-{} {}", at, at + 1, record_of({name}));
}

MessageInfo json_info(std::uint64_t number) { return {Generation(1), 1, 200, 0xabc, number, MessageFormat::kJson}; }

TEST_F(KafkaStreamTest, EachEventMayBeAMessageOfItsOwnAndComesBackAsARecord) {
  place_.options().format = MessageFormat::kJson;
  std::string three = record_of({"a", "b", "c"});
  std::vector<std::string> expected = {entry_of(0, "a"), entry_of(1, "b"), entry_of(2, "c"), entry_of(3, "d")};
  {
    std::unique_ptr<TopicStream> stream = open();
    EXPECT_EQ(*append_and_wait(*stream, zero_, 3, 100, three), (SequenceRange{SequenceNumber(0), SequenceNumber(3)}));
    EXPECT_EQ(append_and_wait(*stream, zero_, 1, 90, record_of({"d"}))->begin, SequenceNumber(3));
    EXPECT_EQ(read_all(*stream), expected);
  }
  ASSERT_TRUE(posix_file_system().remove(place_.options().folder + "/0.index").ok());
  std::unique_ptr<TopicStream> stream = open();
  EXPECT_EQ(read_all(*stream), expected);
  EXPECT_EQ(stream->state(zero_).newest_received, 100);
}

TEST_F(KafkaStreamTest, BothFormsAreReadWhicheverIsWritten) {
  std::string two = record_of({"b", "c"});
  std::vector<std::string> expected = {fmt::format("0-2 {}", two), entry_of(2, "b"), entry_of(3, "c"),
                                       fmt::format("4-6 {}", two)};
  for (MessageFormat format : {MessageFormat::kPacked, MessageFormat::kJson, MessageFormat::kPacked}) {
    place_.options().format = format;
    std::unique_ptr<TopicStream> stream = open();
    ASSERT_TRUE(append_and_wait(*stream, zero_, 2, 100, two).ok());
  }
  place_.options().format = MessageFormat::kJson;
  std::unique_ptr<TopicStream> stream = open();
  EXPECT_EQ(read_all(*stream), expected);
}

TEST_F(KafkaStreamTest, OfABatchOfWhichSomeEventsLieInTheTopicTheOthersAreCounted) {
  std::unique_ptr<TopicStream> stream = open();
  write(json_info(8), R"({"event":"b","user_id":"u1","timestamp":"1970-01-01T00:00:01Z"})", "shop");
  stream->wait_for(zero_, SequenceNumber(0), 60'000);
  RecordingListener listener;
  std::string three = record_of({"a", "b", "c"});
  Append batch{zero_, 3, 100, three, &listener};
  ASSERT_TRUE(stream->append_as(batch, {0xabc, 7, MessageFormat::kJson}).ok());
  EXPECT_EQ(*listener.wait(1)[0], (SequenceRange{SequenceNumber(1), SequenceNumber(3)}));
  ASSERT_TRUE(stream->append_as(batch, {0xabc, 7, MessageFormat::kJson}).ok());
  EXPECT_EQ(*listener.wait(2)[1], (SequenceRange{SequenceNumber(3), SequenceNumber(3)}));
  std::vector<std::string> expected = {entry_of(0, "b"), entry_of(1, "a"), entry_of(2, "c")};
  EXPECT_EQ(read_all(*stream), expected);
  stream.reset();
  stream = open();
  EXPECT_EQ(read_all(*stream), expected);
}

TEST_F(KafkaStreamTest, ABatchOfManyMessagesIsToldOnceWhenItIsGivenUp) {
  place_.options().client.linger_ms = 60'000;
  place_.options().client.timeout_ms = 120'000;
  place_.options().format = MessageFormat::kJson;
  std::unique_ptr<TopicStream> stream = open();
  RecordingListener listener;
  std::string two = record_of({"a", "b"});
  ASSERT_TRUE(stream->append({zero_, 2, 100, two, &listener}).ok());
  stream->give_up();
  EXPECT_EQ(listener.wait(1)[0].error().code, Code::kUnavailable);
  stream.reset();
  EXPECT_EQ(listener.told(), 1u);
}

TEST_F(KafkaStreamTest, AMessageThatSaysItIsAnEventAndIsNoneCountsAndHasNoRecord) {
  std::unique_ptr<TopicStream> stream = open();
  write(json_info(0), "not an event", "shop");
  write(json_info(1), R"({"event":"b","user_id":"u1","timestamp":"1970-01-01T00:00:01Z"})", "");
  EXPECT_EQ(append_and_wait(*stream, zero_, 1, 300, "behind")->begin, SequenceNumber(2));
  EXPECT_EQ(read_all(*stream), (std::vector<std::string>{"0-1 ", "1-2 ", "2-3 behind"}));
}

TEST_F(KafkaStreamTest, ALongEventIsTakenAndWhatIsNoRecordIsRefused) {
  place_.options().format = MessageFormat::kJson;
  std::unique_ptr<TopicStream> stream = open();
  std::string name(60'000, '\x01');  // six bytes of JSON each
  std::string record = record_of({"a", name});
  RecordingListener listener;
  ASSERT_TRUE(stream->append({zero_, 2, 100, record, &listener}).ok());
  EXPECT_TRUE(listener.wait(1)[0].ok());
  EXPECT_TRUE(stream->judge({zero_, 2, 100, record, &listener}).ok());
  EXPECT_EQ(stream->append({zero_, 2, 100, "no record", &listener}).error().code, Code::kInvalid);
}

TEST_F(KafkaStreamTest, RetentionDeletesFromTheTopicWhatWasReleased) {
  place_.options().retain_bytes = 2;  // of each partition: one
  std::unique_ptr<TopicStream> stream = open();
  std::string large(600'000, 'x');
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(append_and_wait(*stream, zero_, 10, 100 + i, large).ok());
  }
  EXPECT_EQ(stream->state(zero_).begin, SequenceNumber(0));
  stream->release(zero_, SequenceNumber(45));
  while (stream->state(zero_).begin < SequenceNumber(40)) {  // polling a state that nothing announces
    stream->wait_for(zero_, SequenceNumber(1000), 20);
  }
  EXPECT_EQ(stream->state(zero_).begin, SequenceNumber(40));
  auto reader = stream->reader(zero_, SequenceNumber(0)).value();
  EXPECT_EQ(reader->next().error().code, Code::kUnavailable);
  ASSERT_TRUE(reader->seek(SequenceNumber(45)).ok());
  EXPECT_EQ(reader->next()->range.begin, SequenceNumber(40));
  stream.reset();
  stream = open();
  EXPECT_EQ(stream->state(zero_).begin, SequenceNumber(40));
  EXPECT_EQ(stream->state(zero_).durable_end, SequenceNumber(60));
}

TEST_F(KafkaStreamTest, AfterWhatWasGivenUpTheNextIsTakenAsEver) {
  std::unique_ptr<TopicStream> stream = open();
  RecordingListener listener;
  auto append = [&](std::uint64_t number) {
    Result<void> taken = unavailable("");
    while (!taken.ok()) {  // for a moment it is refused, while the client begins anew
      taken = stream->append_as({zero_, 1, 100, "x", &listener}, {0xabc, number});
      ASSERT_TRUE(taken.ok() || taken.error().code == Code::kUnavailable) << taken.error().message;
    }
  };
  for (std::uint64_t i = 0; i < 50; ++i) {
    append(i);
    if (i % 10 == 9) {
      stream->give_up();
      listener.wait(i + 1);
    }
  }
  for (std::uint64_t i = 0; i < 50; ++i) {  // whatever became of it
    append(i);
  }
  listener.wait(100);
  EXPECT_EQ(stream->state(zero_).durable_end, SequenceNumber(50));
  EXPECT_EQ(read_all(*stream).size(), 50U);
}

TEST_F(KafkaStreamTest, ABatchThatIsTooLargeForAMessageIsRefusedAtOnce) {
  std::unique_ptr<TopicStream> stream = open();
  std::string large(stream->batch_bytes_max() + 1, 'x');
  RecordingListener listener;
  EXPECT_EQ(stream->append({zero_, 1, 100, large, &listener}).error().code, Code::kInvalid);
}

TEST_F(KafkaStreamTest, ASettingThatAPromiseStandsOnCanNotBeTakenAway) {
  place_.options().client.more = {{"acks", "1"}};
  EXPECT_EQ(place_.open().error().code, Code::kInvalid);
  place_.options().client.more = {{"no.such.setting", "1"}};
  EXPECT_NE(place_.open().error().message.find("no.such.setting"), std::string::npos);
}

TEST(KafkaUnreachable, OpeningSaysSoAfterItsTime) {
  TopicForTest place;
  place.options().client.brokers = "127.0.0.1:1";
  place.options().client.timeout_ms = 1'000;
  auto stream = place.open();
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.error().code, Code::kUnavailable) << stream.error().message;
}

}  // namespace
}  // namespace millrace
