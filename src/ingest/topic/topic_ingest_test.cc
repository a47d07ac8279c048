#include "ingest/topic/topic_ingest.h"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/test_folder.h"
#include "model/record.h"
#include "stream/memory/memory_stream.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One partition, whose messages are given.
class FakeSource final : public TopicSource {
 public:
  Result<void> begin(const Offsets& from) override {
    std::lock_guard lock(mutex_);
    next_ = from.empty() ? 0 : from.at(0);
    ++begins_;
    return {};
  }
  Result<std::optional<SourceMessage>> next(int) override {
    std::lock_guard lock(mutex_);
    if (failing_) {
      return unavailable("the brokers are gone");
    }
    if (next_ >= static_cast<std::int64_t>(messages_.size())) {
      return std::optional<SourceMessage>();
    }
    std::int64_t offset = next_++;
    return std::optional<SourceMessage>({0, offset, messages_[static_cast<std::size_t>(offset)]});
  }
  Offsets ends() override {
    std::lock_guard lock(mutex_);
    return {{0, static_cast<std::int64_t>(messages_.size())}};
  }

  void add(std::string value) {
    std::lock_guard lock(mutex_);
    messages_.push_back(std::move(value));
  }
  void failing(bool is) {
    std::lock_guard lock(mutex_);
    failing_ = is;
  }
  int begins() {
    std::lock_guard lock(mutex_);
    return begins_;
  }

 private:
  std::mutex mutex_;
  std::deque<std::string> messages_;  // stay where they are
  std::int64_t next_ = 0;
  int begins_ = 0;
  bool failing_ = false;
};

// Passes appends on, but for one.
class StreamThatIsFullOnce final : public Stream {
 public:
  explicit StreamThatIsFullOnce(Stream& stream) : stream_(stream) {}
  Generation generation() const override { return stream_.generation(); }
  std::uint16_t partitions() const override { return stream_.partitions(); }
  Result<void> append(const Append& batch) override { return count_++ == 2 ? full("just now") : stream_.append(batch); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override {
    return stream_.reader(partition, from);
  }
  PartitionState state(PartitionId partition) override { return stream_.state(partition); }
  void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) override {
    stream_.wait_for(partition, beyond, timeout_ms);
  }
  void release(PartitionId partition, SequenceNumber until) override { stream_.release(partition, until); }
  Result<void> health() override { return stream_.health(); }
  void stop() override {}

 private:
  Stream& stream_;
  std::atomic<int> count_ = 0;
};

class TopicIngestTest : public testing::Test {
 protected:
  void start(Stream& stream) {
    failed_ = FailedEvents::open(posix_file_system(), folder_.path() + "/failed", 1 << 20).value();
    TopicIngestOptions options;
    options.topic = "theirs";
    options.project = "p";
    options.folder = folder_.path() + "/source";
    options.pause_ms = 1;
    ingest_ =
        TopicIngest::open({source_, stream, *failed_, posix_file_system(), system_clock(), metrics_}, options).value();
    ingest_->start();
  }
  // The process ends; what it had not written down is forgotten.
  void stop() {
    ingest_->quit();
    ingest_.reset();
    failed_.reset();
  }
  void add(const std::string& name) { source_.add(fmt::format(R"({{"event":"{}","user_id":"u"}})", name)); }
  void wait_for(std::uint64_t events) {
    while (stream_.state(zero_).durable_end.value < events) {
      stream_.wait_for(zero_, SequenceNumber(events - 1), 1'000);
    }
  }
  // "name id" of each event in the stream; the id's 0 byte as a blank.
  std::vector<std::string> events() {
    std::vector<std::string> all;
    auto reader = stream_.reader(zero_, SequenceNumber(0)).value();
    for (Result<StreamEntry> entry = reader->next(); entry.ok(); entry = reader->next()) {
      RecordCursor cursor(entry->payload, entry->received);
      while (cursor.next()) {
        std::string id(cursor.event().id);
        std::replace(id.begin(), id.end(), '\0', ' ');
        all.push_back(fmt::format("{} {}", cursor.event().event, id));
      }
    }
    return all;
  }

  const PartitionId zero_{0};
  TestFolder folder_;
  Metrics metrics_;
  MemoryStream stream_{MemoryStreamOptions{}};
  FakeSource source_;
  std::unique_ptr<FailedEvents> failed_;
  std::unique_ptr<TopicIngest> ingest_;
};

TEST_F(TopicIngestTest, MessagesAreEventsWhosePlaceIsTheirId) {
  add("a");
  source_.add(R"([{"event":"b"},{"event":"c"}])");
  source_.add(R"({"event":"d","message_id":"own"})");
  start(stream_);
  wait_for(4);
  stop();
  EXPECT_THAT(events(), ElementsAre("a kafka/theirs/0/0 0", "b kafka/theirs/0/1 0", "c kafka/theirs/0/1 1", "d own"));
}

TEST_F(TopicIngestTest, ARestartGoesOnBehindWhatIsInTheStream) {
  add("a");
  add("b");
  start(stream_);
  wait_for(2);
  stop();
  EXPECT_EQ(read_file(posix_file_system(), folder_.path() + "/source/theirs.offsets", 1000).value(),
            "millrace-source v=1 topic=theirs\n0 2\n");
  add("c");
  start(stream_);
  wait_for(3);
  stop();
  EXPECT_THAT(events(), ElementsAre("a kafka/theirs/0/0 0", "b kafka/theirs/0/1 0", "c kafka/theirs/0/2 0"));
}

TEST_F(TopicIngestTest, AMalformedMessageIsAFailedEventWithItsReasonAndPlace) {
  source_.add("[not json");
  source_.add("nor this");
  source_.add("");
  source_.add(R"([{"event":"a"},{"evnt":"b"}])");
  add("c");
  start(stream_);
  wait_for(2);
  stop();
  failed_ = FailedEvents::open(posix_file_system(), folder_.path() + "/failed", 1 << 20).value();
  std::vector<FailedEvent> failed = failed_->latest("p", 10);
  ASSERT_EQ(failed.size(), 4U);
  EXPECT_EQ(failed[3].raw, "[not json");
  EXPECT_THAT(failed[3].reason, HasSubstr("(topic theirs, partition 0, offset 0)"));
  EXPECT_EQ(failed[2].raw, "nor this");
  EXPECT_THAT(failed[1].reason, HasSubstr("offset 2)"));
  EXPECT_EQ(failed[0].raw, R"({"evnt":"b"})");
  EXPECT_THAT(failed[0].reason, HasSubstr("offset 3)"));
}

TEST_F(TopicIngestTest, WhatTheStreamDidNotTakeIsReadAgainBeforeWhatFollows) {
  StreamThatIsFullOnce crowded(stream_);
  std::vector<std::string> expected;
  for (int i = 0; i < 6; ++i) {
    add(fmt::format("e{}", i));
    expected.push_back(fmt::format("e{} kafka/theirs/0/{} 0", i, i));
  }
  start(crowded);
  wait_for(6);
  stop();
  EXPECT_EQ(events(), expected);
  EXPECT_EQ(source_.begins(), 2);
}

TEST_F(TopicIngestTest, BrokersThatComeBackAreReadAgain) {
  start(stream_);
  source_.failing(true);
  add("a");
  while (source_.begins() < 3) {
    stream_.wait_for(zero_, SequenceNumber(0), 5);  // polling a state that nothing announces
  }
  source_.failing(false);
  wait_for(1);
  stop();
  EXPECT_THAT(events(), ElementsAre("a kafka/theirs/0/0 0"));
}

TEST_F(TopicIngestTest, ADamagedFileIsRefused) {
  ASSERT_TRUE(posix_file_system().make_folders(folder_.path() + "/source").ok());
  std::string path = folder_.path() + "/source/theirs.offsets";
  failed_ = FailedEvents::open(posix_file_system(), folder_.path() + "/failed", 1 << 20).value();
  for (const char* text : {"", "millrace-source v=1 topic=other\n0 2\n", "millrace-source v=1 topic=theirs\n0 x\n",
                           "millrace-source v=1 topic=theirs\n0 2"}) {
    ASSERT_TRUE(replace_file(posix_file_system(), path, text).ok());
    TopicIngestOptions options;
    options.topic = "theirs";
    options.folder = folder_.path() + "/source";
    auto opened =
        TopicIngest::open({source_, stream_, *failed_, posix_file_system(), system_clock(), metrics_}, options);
    ASSERT_FALSE(opened.ok()) << text;
    EXPECT_EQ(opened.error().code, Code::kCorrupt) << text;
  }
}

}  // namespace
}  // namespace millrace
