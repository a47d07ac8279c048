#include "stream/spill/spilling_stream.h"

#include <atomic>
#include <condition_variable>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "io/test_folder.h"
#include "stream/memory/memory_stream.h"
#include "stream/recording_listener.h"

namespace millrace {
namespace {

// A topic that can go away, with or without what is on its way to it.
class FakeTopic final : public TopicStream {
 public:
  explicit FakeTopic(std::uint16_t partitions) : messages_({Generation(1), partitions, 64 << 20, true}) {}
  ~FakeTopic() override { stop(); }

  std::uint64_t next_number(PartitionId, std::uint64_t) override { return own_; }
  Result<void> append_as(const Append& batch, const MessageName& name) override {
    std::lock_guard lock(mutex_);
    if (away_) {
      return unavailable("the brokers are gone");
    }
    if (refusing_) {
      ++refused_;
      return invalid("the topic's limit was lowered");
    }
    if (slow_) {
      on_their_way_.push_back({batch, name});
      sent_.notify_all();
      return {};
    }
    return write(batch, name);
  }
  void give_up() override {
    std::vector<Sent> sent;
    {
      std::lock_guard lock(mutex_);
      sent.swap(on_their_way_);
      for (const Sent& one : sent) {
        if (written_all_the_same_ && seen_.insert(key(one.name)).second) {
          ASSERT_TRUE(
              append_and_wait(messages_, one.batch.partition, one.batch.events, one.batch.received, one.batch.payload)
                  .ok());
        }
      }
    }
    // Told by another thread, as a stream does: the caller may hold a lock.
    std::lock_guard lock(mutex_);
    tellers_.emplace_back([sent = std::move(sent)] {
      for (const Sent& one : sent) {
        one.batch.listener->appended(one.batch.partition, unavailable("nobody knows"));
      }
    });
  }
  MessageFormat format() const override { return json_ ? MessageFormat::kJson : MessageFormat::kPacked; }
  Result<void> append(const Append& batch) override { return append_as(batch, {0, own_++}); }
  Generation generation() const override { return messages_.generation(); }
  std::uint16_t partitions() const override { return messages_.partitions(); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override {
    return messages_.reader(partition, from);
  }
  PartitionState state(PartitionId partition) override { return messages_.state(partition); }
  void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) override {
    messages_.wait_for(partition, beyond, timeout_ms);
  }
  void release(PartitionId partition, SequenceNumber until) override { messages_.release(partition, until); }
  Result<void> health() override {
    std::lock_guard lock(mutex_);
    return away_ ? Result<void>(unavailable("the brokers are gone")) : Result<void>();
  }
  std::size_t batch_bytes_max() const override { return 1'000; }
  void stop() override {
    give_up();
    for (std::thread& teller : tellers_) {
      teller.join();
    }
    tellers_.clear();
    messages_.stop();
  }

  void away(bool is) {
    std::lock_guard lock(mutex_);
    away_ = is;
  }
  // What is sent from now on isn't told before give_up(), and then as failed.
  void slow(bool is, bool written_all_the_same) {
    std::lock_guard lock(mutex_);
    slow_ = is;
    written_all_the_same_ = written_all_the_same;
  }
  // Each event (a byte of its batch's payload) is a message of its own. Of the batches that are sent, Kafka's client
  // takes the first `events` events, and the rest not.
  void json(std::uint32_t events = 100) {
    std::lock_guard lock(mutex_);
    json_ = true;
    json_events_ = events;
  }
  // Nothing is taken from now on, for good as it seems.
  void refusing(bool is) {
    std::lock_guard lock(mutex_);
    refusing_ = is;
  }
  std::size_t refused() {
    std::lock_guard lock(mutex_);
    return refused_;
  }
  void wait_until_something_is_on_its_way() {
    std::unique_lock lock(mutex_);
    sent_.wait(lock, [this] { return !on_their_way_.empty(); });
  }
  std::size_t repeats() {
    std::lock_guard lock(mutex_);
    return repeats_;
  }

 private:
  struct Sent {
    Append batch;
    MessageName name;
  };
  static std::pair<std::uint64_t, std::uint64_t> key(const MessageName& name) { return {name.producer, name.number}; }

  Result<void> write_json(const Append& batch, MessageName name) {
    bool told = false;
    for (std::uint32_t i = 0; i < std::min(batch.events, json_events_); ++i, ++name.number) {
      if (!seen_.insert(key(name)).second) {
        ++repeats_;
        continue;
      }
      told = i + 1 == batch.events;
      AppendListener* listener = told ? batch.listener : &nobody_;
      MR_TRY(messages_.append({batch.partition, 1, batch.received, batch.payload.substr(i, 1), listener}));
    }
    if (json_events_ < batch.events) {
      return unavailable("a part of it only");
    }
    if (!told) {
      batch.listener->appended(batch.partition, SequenceRange{});
    }
    return {};
  }

  Result<void> write(const Append& batch, const MessageName& name) {
    if (name.format == MessageFormat::kJson) {
      return write_json(batch, name);
    }
    if (seen_.insert(key(name)).second) {
      return messages_.append(batch);
    }
    ++repeats_;
    batch.listener->appended(batch.partition, SequenceRange{});
    return {};
  }

  MemoryStream messages_;
  std::mutex mutex_;
  bool away_ = false;
  bool slow_ = false;
  bool refusing_ = false;
  std::size_t refused_ = 0;
  std::condition_variable sent_;
  bool written_all_the_same_ = false;
  std::vector<Sent> on_their_way_;
  std::vector<std::thread> tellers_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen_;
  std::size_t repeats_ = 0;
  std::uint64_t own_ = 0;
  std::atomic<bool> json_ = false;
  std::uint32_t json_events_ = 100;
  RecordingListener nobody_;
};

class SpillingStreamTest : public testing::Test {
 protected:
  SpillingStreamTest() { open(); }

  void open() {
    auto topic = std::make_unique<FakeTopic>(1);
    topic_ = topic.get();
    open(std::move(topic));
  }
  void open(std::unique_ptr<FakeTopic> topic) {
    SpillOptions options;
    options.folder = folder_.path() + "/spill";
    options.log.free_bytes_min = 0;
    options.log.segment_bytes = 1 << 20;
    options.forward_only = forward_only_;
    stream_ = open_spilling_stream(std::move(topic), posix_file_system(), system_clock(), metrics_, options).value();
  }
  Result<SequenceRange> append(std::string_view payload) { return append_and_wait(*stream_, zero_, 2, 100, payload); }
  void wait_until_forwarded(std::uint64_t events) {
    stream_->wait_for(zero_, SequenceNumber(events - 1), 60'000);
    EXPECT_EQ(stream_->state(zero_).durable_end, SequenceNumber(events));
  }
  std::vector<std::string> read_all() {
    std::vector<std::string> payloads;
    auto reader = stream_->reader(zero_, SequenceNumber(0)).value();
    for (Result<StreamEntry> entry = next_of(*reader); entry.ok(); entry = next_of(*reader)) {
      payloads.emplace_back(entry->payload);
    }
    return payloads;
  }
  using Payloads = std::vector<std::string>;

  bool forward_only_ = false;
  TestFolder folder_;
  Metrics metrics_;
  const PartitionId zero_{0};
  std::unique_ptr<Stream> stream_;
  FakeTopic* topic_ = nullptr;
};

TEST_F(SpillingStreamTest, WhatComesWhileKafkaIsAwayIsAcknowledgedAndForwardedInItsOrder) {
  ASSERT_TRUE(append("a").ok());
  topic_->away(true);
  EXPECT_EQ(append("b").value(), (SequenceRange{SequenceNumber(2), SequenceNumber(4)}));
  EXPECT_EQ(append("c").value(), (SequenceRange{SequenceNumber(4), SequenceNumber(6)}));
  EXPECT_EQ(stream_->state(zero_).durable_end, SequenceNumber(2));
  EXPECT_TRUE(stream_->health().ok());
  topic_->away(false);
  ASSERT_TRUE(append("d").ok());  // behind the others, whether it is spilled or not
  wait_until_forwarded(8);
  EXPECT_EQ(read_all(), (Payloads{"a", "b", "c", "d"}));
}

TEST_F(SpillingStreamTest, ABatchWhoseFateIsUnknownIsForwardedUnderItsNameAndCountedOnce) {
  for (bool written : {true, false}) {
    topic_->slow(true, written);
    RecordingListener listener;
    ASSERT_TRUE(stream_->append({zero_, 2, 100, "first", &listener}).ok());
    ASSERT_TRUE(stream_->append({zero_, 2, 100, "second", &listener}).ok());
    topic_->away(true);
    ASSERT_TRUE(stream_->append({zero_, 2, 100, "third", &listener}).ok());
    for (const Result<SequenceRange>& result : listener.wait(3)) {
      EXPECT_TRUE(result.ok());
    }
    topic_->slow(false, false);
    topic_->away(false);
    wait_until_forwarded(written ? 6 : 12);
  }
  EXPECT_EQ(read_all(), (Payloads{"first", "second", "third", "first", "second", "third"}));
  EXPECT_EQ(topic_->repeats(), 2u);
}

TEST_F(SpillingStreamTest, WhatIsOnItsWayWhenKafkaGoesIsKeptWithoutAnythingThatFollows) {
  topic_->slow(true, false);
  RecordingListener listener;
  ASSERT_TRUE(stream_->append({zero_, 2, 100, "a", &listener}).ok());
  topic_->away(true);
  EXPECT_TRUE(listener.wait(1)[0].ok());
  topic_->slow(false, false);
  topic_->away(false);
  wait_until_forwarded(2);
  EXPECT_EQ(read_all(), (Payloads{"a"}));
}

TEST_F(SpillingStreamTest, OfABatchOfWhichOnlyTheFirstEventsWereSentEachIsCountedOnce) {
  topic_->json(1);
  ASSERT_TRUE(append("ab").ok());  // the second event wasn't sent, so both are spilled
  topic_->json();
  wait_until_forwarded(2);
  ASSERT_TRUE(append("cd").ok());
  wait_until_forwarded(4);
  EXPECT_EQ(read_all(), (Payloads{"a", "b", "c", "d"}));
  EXPECT_GE(topic_->repeats(), 1u);
}

TEST_F(SpillingStreamTest, NoOtherEventGetsTheNumberOfOneThatMayHaveBeenSent) {
  stream_.reset();
  forward_only_ = true;
  open();
  topic_->json(1);
  EXPECT_EQ(append("ab").error().code, Code::kUnavailable);
  topic_->json();
  ASSERT_TRUE(append("cd").ok());
  EXPECT_EQ(read_all(), (Payloads{"a", "c", "d"}));
  EXPECT_EQ(topic_->repeats(), 0u);
}

TEST_F(SpillingStreamTest, WhatWasSpilledIsForwardedInTheFormInWhichItWasTriedFirst) {
  topic_->json(1);
  ASSERT_TRUE(append("ab").ok());
  stream_.reset();
  open();  // of packed messages
  wait_until_forwarded(2);
  EXPECT_EQ(read_all(), (Payloads{"a", "b"}));
  ASSERT_TRUE(append("cd").ok());
  wait_until_forwarded(4);
  EXPECT_EQ(read_all(), (Payloads{"a", "b", "cd"}));
}

TEST_F(SpillingStreamTest, ARestartForwardsWhatTheOneBeforeHadSpilled) {
  topic_->away(true);
  ASSERT_TRUE(append("a").ok());
  ASSERT_TRUE(append("b").ok());
  stream_.reset();
  open();
  wait_until_forwarded(4);
  EXPECT_EQ(read_all(), (Payloads{"a", "b"}));
  ASSERT_TRUE(append("c").ok());
  wait_until_forwarded(6);
  stream_.reset();  // and tells the next one that nothing is left
  open();
  ASSERT_TRUE(append("d").ok());
  EXPECT_EQ(read_all(), (Payloads{"d"}));  // another topic
}

TEST_F(SpillingStreamTest, AfterForwardingBatchesGoToTheTopicAgain) {
  topic_->away(true);
  ASSERT_TRUE(append("a").ok());
  topic_->away(false);
  wait_until_forwarded(2);
  // One that isn't spilled is in the topic when it is acknowledged.
  std::uint64_t events = 2;
  do {
    ASSERT_TRUE(append("b").ok());
    events += 2;
  } while (stream_->state(zero_).durable_end != SequenceNumber(events));
  EXPECT_EQ(read_all().size(), events / 2);
}

TEST_F(SpillingStreamTest, WhereNothingIsSpilledAnyMoreWhatWasIsForwardedAndTheRestRefused) {
  topic_->away(true);
  ASSERT_TRUE(append("a").ok());
  stream_.reset();
  forward_only_ = true;
  open();
  wait_until_forwarded(2);
  ASSERT_TRUE(append("b").ok());
  wait_until_forwarded(4);
  topic_->away(true);
  EXPECT_EQ(append("c").error().code, Code::kUnavailable);
  EXPECT_EQ(stream_->health().error().code, Code::kUnavailable);
  EXPECT_EQ(read_all(), (Payloads{"a", "b"}));
}

TEST_F(SpillingStreamTest, ABatchThatIsTooLargeForTheTopicIsRefusedAlsoWhileKafkaIsAway) {
  std::string large(1'001, 'x');
  EXPECT_EQ(append(large).error().code, Code::kInvalid);
  topic_->away(true);
  EXPECT_EQ(append(large).error().code, Code::kInvalid);
  EXPECT_TRUE(append(large.substr(1)).ok());
}

TEST_F(SpillingStreamTest, WhatKafkaRefusesIsKeptAndForwardedOnceItIsLetIn) {
  topic_->away(true);
  ASSERT_TRUE(append("a").ok());
  ASSERT_TRUE(append("b").ok());
  topic_->refusing(true);
  topic_->away(false);
  while (topic_->refused() == 0) {  // polling a state that nothing announces
    stream_->wait_for(zero_, SequenceNumber(0), 5);
  }
  EXPECT_LE(topic_->refused(), 2U) << "nobody is asked in vain all the time";
  topic_->refusing(false);
  wait_until_forwarded(4);
  EXPECT_EQ(read_all(), (Payloads{"a", "b"}));
}

TEST_F(SpillingStreamTest, WhatIsHeldWhenTheStreamIsStoppedIsKeptAndForwardedByTheNext) {
  topic_->away(true);
  ASSERT_TRUE(append("a").ok());
  topic_->slow(true, false);
  topic_->away(false);
  topic_->wait_until_something_is_on_its_way();
  RecordingListener listener;
  ASSERT_TRUE(stream_->append({zero_, 2, 100, "b", &listener}).ok());
  ASSERT_TRUE(stream_->append({zero_, 2, 100, "c", &listener}).ok());
  stream_.reset();
  for (const Result<SequenceRange>& result : listener.wait(2)) {
    EXPECT_TRUE(result.ok());
  }
  open();
  wait_until_forwarded(6);
  EXPECT_EQ(read_all(), (Payloads{"a", "b", "c"}));
}

TEST_F(SpillingStreamTest, ALostLogIsNotTakenForOneThatWasForwarded) {
  stream_.reset();
  SpillOptions options;
  options.folder = folder_.path() + "/another";
  ASSERT_TRUE(posix_file_system().make_folders(options.folder).ok());
  ASSERT_TRUE(replace_file(posix_file_system(), options.folder + "/0.forwarded", "6\n").ok());
  auto stream =
      open_spilling_stream(std::make_unique<FakeTopic>(1), posix_file_system(), system_clock(), metrics_, options);
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.error().code, Code::kCorrupt) << stream.error().message;
}

TEST_F(SpillingStreamTest, ManySendersLoseNothingAndKeepTheirOrderWhileKafkaComesAndGoes) {
  constexpr int kThreads = 4;
  constexpr int kEach = 300;
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        std::string payload = std::to_string(t) + ":" + std::to_string(i);
        EXPECT_TRUE(append_and_wait(*stream_, zero_, 1, 100, payload).ok());
      }
      ++done;
    });
  }
  for (bool away = true; done < kThreads; away = !away) {
    topic_->away(away);
    stream_->wait_for(zero_, SequenceNumber(1 << 20), 10);
  }
  topic_->away(false);
  for (std::thread& thread : threads) {
    thread.join();
  }
  wait_until_forwarded(kThreads * kEach);
  std::vector<int> next(kThreads, 0);
  for (const std::string& payload : read_all()) {
    int thread = std::stoi(payload);
    EXPECT_EQ(payload, std::to_string(thread) + ":" + std::to_string(next[thread]++));
  }
}

}  // namespace
}  // namespace millrace
