// A stream into a topic and back, against real brokers: MILLRACE_TEST_KAFKA, as in kafka_stream_test.cc.
#include <gtest/gtest.h>

#include "stream/kafka/topic_copy_target.h"
#include "stream/kafka/topic_for_test.h"
#include "stream/log/log_copy_target.h"
#include "stream/log/log_test_support.h"

namespace millrace {
namespace {

class KafkaTopicCopyTest : public LogFixture {
 protected:
  void SetUp() override {
    if (brokers_for_test().empty()) {
      GTEST_SKIP() << "NO KAFKA WAS TESTED HERE: MILLRACE_TEST_KAFKA names no brokers. make test ONLY=kafka starts "
                      "some, and fails if this is skipped there";
    }
    place_.options().partitions = 1;
  }
  void open_topic() {
    topic_.reset();
    Result<std::unique_ptr<TopicStream>> topic = place_.open();
    ASSERT_TRUE(topic.ok()) << topic.error().message;
    topic_ = std::move(*topic);
  }
  // A new command, which may be broken off after so many turns of 64 records; 0: none.
  Result<void> copy(CopySource& from, CopyTarget& to, unsigned turns = 0) {
    StreamCopy copy(to, 1, system_clock(), [turns](const CopyProgress&) mutable { return turns == 0 || --turns > 0; });
    Result<void> brought = copy.bring(from, zero_);
    damaged_ = copy.sums_to().damaged;
    return brought;
  }
  std::vector<std::string> entries(Stream& side) {
    std::vector<std::string> texts;
    auto reader = side.reader(zero_, side.state(zero_).begin).value();
    for (Result<StreamEntry> entry = next_of(*reader); entry.ok(); entry = next_of(*reader)) {
      texts.push_back(fmt::format("{}-{} {} {} {}", entry->range.begin.value, entry->range.end.value, entry->received,
                                  entry->damaged ? "damaged" : "", entry->payload));
    }
    return texts;
  }

  const PartitionId zero_{0};
  TopicForTest place_;
  std::unique_ptr<TopicStream> topic_;
  std::uint64_t damaged_ = 0;
};

TEST_F(KafkaTopicCopyTest, ALogWithAPastAndAHoleGoesIntoATopicAndBackAndIsTheSame) {
  options_.durable_at_least = {SequenceNumber(250'000'000)};  // what lies before has been given up long ago
  open();
  append_many(600);
  close();
  std::string path = segments().front();
  std::string bytes = slurp(path);
  bytes[kSegmentHeaderBytes + 2'000] ^= 1;
  spill(path, bytes);
  open();
  std::vector<std::string> here = entries(*stream_);
  WholeStream log(*stream_);
  open_topic();
  {
    TopicCopyTarget target(*topic_);
    Result<void> copied = copy(log, target, 3);
    ASSERT_FALSE(copied.ok());
    EXPECT_EQ(copied.error().code, Code::kUnavailable) << copied.error().message;
  }
  std::filesystem::remove_all(place_.options().folder);  // the next command reads the topic from its begin
  open_topic();
  TopicCopyTarget target(*topic_);
  Result<void> copied = copy(log, target);
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  EXPECT_GT(damaged_, 0u);
  EXPECT_EQ(topic_->state(zero_).begin, SequenceNumber(250'000'000));
  EXPECT_EQ(entries(*topic_), here);

  ASSERT_TRUE(append_and_wait(*topic_, zero_, 5, clock_.wall() + 1, "by a server on the topic").ok());
  here = entries(*topic_);
  WholeStream topic(*topic_);
  LogOptions back_options = options_;
  back_options.folder = folder_.path() + "/back";
  back_options.durable_at_least = {};
  auto back = LogCopyTarget::open(posix_file_system(), clock_, *metrics_, back_options).value();
  copied = copy(topic, *back);
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  back->stop();
  back.reset();
  Result<std::unique_ptr<Stream>> again = open_log_stream(posix_file_system(), clock_, *metrics_, back_options);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(entries(**again), here);
}

TEST_F(KafkaTopicCopyTest, ARecordOfACopyThatBrokeOffThatComesLateIsCountedOnce) {
  open();
  append_many(10);
  WholeStream log(*stream_);
  open_topic();
  TopicCopyTarget target(*topic_);
  ASSERT_TRUE(copy(log, target).ok());
  std::string late = payload_of(9);
  RecordingListener listener;
  ASSERT_TRUE(topic_->append_as({zero_, 1, clock_.wall(), late, &listener}, {TopicCopyTarget::kCopyProducer, 9}).ok());
  listener.wait(1);
  append_many(10);
  Result<void> copied = copy(log, target);
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  EXPECT_EQ(entries(*topic_), entries(*stream_));
}

TEST_F(KafkaTopicCopyTest, ATopicThatSomebodyElseWritesToIsFoundOut) {
  open();
  append_many(10);
  WholeStream log(*stream_);
  open_topic();
  TopicCopyTarget target(*topic_);
  ASSERT_TRUE(copy(log, target).ok());
  ASSERT_TRUE(append_and_wait(*topic_, zero_, 1, clock_.wall(), "of another server").ok());
  append_many(10);
  Result<void> copied = copy(log, target);
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace millrace
