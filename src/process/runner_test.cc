#include "process/runner.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "model/record.h"
#include "process/sim_parts_for_test.h"
#include "stream/memory/memory_stream.h"

namespace millrace {
namespace {

class CountingListener final : public AppendListener {
 public:
  void appended(PartitionId, Result<SequenceRange> result) override {
    std::lock_guard lock(mutex_);
    EXPECT_TRUE(result.ok());
    ++told_;
    changed_.notify_all();
  }
  void wait_for(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return told_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int told_ = 0;
};

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    std::string pattern = testing::TempDir() + "process-runner-XXXXXX";
    options_.folder = ::mkdtemp(pattern.data());
    options_.batch_age_ns_max = 5'000'000;
  }
  void append(std::uint16_t partition, int events) {
    std::string record;
    begin_record(record, "p");
    for (int i = 0; i < events; ++i) {
      EventView event;
      event.project = "p";
      event.event = "e";
      event.user_id = "u";
      event.received = event.time = system_clock().wall();
      append_event(record, event);
    }
    ASSERT_TRUE(stream_
                    .append({PartitionId(partition), static_cast<std::uint32_t>(events), system_clock().wall(), record,
                             &listener_})
                    .ok());
    listener_.wait_for(++appended_);
  }
  ~RunnerTest() override { std::filesystem::remove_all(options_.folder); }
  ProcessorParts parts() { return {stream_, store_, failed_, posix_file_system(), metrics_}; }

  static constexpr std::int64_t kLongMs = 60'000;
  MemoryStream stream_{MemoryStreamOptions{Generation(1), 2, 64 << 20, true}};
  MemoryStore store_;
  SimFailedEvents failed_;
  Metrics metrics_;
  ProcessorOptions options_;
  CountingListener listener_;
  int appended_ = 0;
};

TEST_F(RunnerTest, BringsEveryPartitionIntoTheStoreAndSaysWhen) {
  ProcessorRunner runner(parts(), options_, system_clock());
  runner.start();
  append(0, 10);
  append(1, 5);
  EXPECT_TRUE(runner.wait_stored(PartitionId(0), SequenceNumber(10), kLongMs));
  EXPECT_TRUE(runner.wait_stored(PartitionId(1), SequenceNumber(5), kLongMs));
  EXPECT_FALSE(runner.wait_stored(PartitionId(1), SequenceNumber(6), 0));
  EXPECT_EQ(store_.rows().size(), 15u);
  EXPECT_EQ(runner.partitions()[1].rows, 5u);
  EXPECT_TRUE(runner.status()[0].error.empty());
  EXPECT_TRUE(runner.stop(kLongMs));
  EXPECT_EQ(runner.partitions()[0].lag, 0);
  EXPECT_EQ(metrics_.get(Metric::kProcessLagEvents), 0);
}

// A store whose inserts wait until they are let go.
class HeldStore final : public StoreWriter {
 public:
  explicit HeldStore(StoreWriter& store) : store_(store) {}
  Result<void> insert(const EventBatch& batch, std::size_t begin, std::size_t end) override {
    held_ = true;
    let_go_.get_future().wait();
    return store_.insert(batch, begin, end);
  }
  bool held() const { return held_; }
  void let_go() { let_go_.set_value(); }

  Result<void> settle(PartitionId partition) override { return store_.settle(partition); }
  Result<std::vector<SequenceNumber>> present(PartitionId partition, SequenceRange range) override {
    return store_.present(partition, range);
  }
  Result<StoredRange> count(PartitionId partition, SequenceRange range, bool with_hash) override {
    return store_.count(partition, range, with_hash);
  }
  Result<void> flush() override { return store_.flush(); }
  Result<Takeover> owner(PartitionId partition) override { return store_.owner(partition); }
  Result<void> take_over(const Takeover& takeover) override { return store_.take_over(takeover); }

 private:
  StoreWriter& store_;
  std::atomic<bool> held_ = false;
  std::promise<void> let_go_;
};

TEST_F(RunnerTest, TheLagGrowsWhileTheStoreDoesNotAnswer) {
  HeldStore held(store_);
  ProcessorRunner runner({stream_, held, failed_, posix_file_system(), metrics_}, options_, system_clock());
  runner.start();
  append(0, 3);
  while (!held.held()) {
    std::this_thread::yield();
  }
  TimeNs lag = runner.partitions()[0].lag;
  TimeNs told = system_clock().monotonic();
  while (system_clock().monotonic() < told + 20'000'000) {
    std::this_thread::yield();
  }
  EXPECT_GE(runner.partitions()[0].lag, lag + 20'000'000);
  EXPECT_GE(metrics_.get(Metric::kProcessLag), 20'000);
  held.let_go();
  EXPECT_TRUE(runner.wait_stored(PartitionId(0), SequenceNumber(3), kLongMs));
  EXPECT_EQ(runner.partitions()[0].lag, 0);
  EXPECT_TRUE(runner.stop(kLongMs));
}

TEST_F(RunnerTest, StopDrainsAndTheNextOneGoesOn) {
  options_.batch_age_ns_max = kLongMs * 1'000'000;  // nothing goes by itself
  {
    ProcessorRunner runner(parts(), options_, system_clock());
    append(0, 10);
    runner.start();
    while (metrics_.get(Metric::kProcessEvents) < 10) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(runner.stop(kLongMs));
  }
  EXPECT_EQ(store_.rows().size(), 10u);
  Result<Checkpoint> checkpoint = load_checkpoint(posix_file_system(), options_.folder, Generation(1), PartitionId(0));
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_EQ(checkpoint->counts.position.value, 10u);
  ProcessorRunner next(parts(), options_, system_clock());
  next.start();
  EXPECT_TRUE(next.wait_stored(PartitionId(0), SequenceNumber(10), kLongMs));
  append(0, 1);
  while (metrics_.get(Metric::kProcessEvents) < 11) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(next.stop(kLongMs));
  EXPECT_EQ(store_.rows().size(), 11u);
}

TEST_F(RunnerTest, StopEndsInTimeAlsoWhenTheStoreIsDown) {
  MemoryStoreFaults faults;
  faults.unavailable = 1000;
  store_.set_faults(faults);
  ProcessorRunner runner(parts(), options_, system_clock());
  runner.start();
  append(0, 3);
  while (runner.status()[0].error.empty()) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(runner.stop(10));
  EXPECT_EQ(runner.partitions()[0].stored_until.value, 0u);
}

TEST_F(RunnerTest, NeverStartedStopsAtOnce) {
  ProcessorRunner runner(parts(), options_, system_clock());
  EXPECT_TRUE(runner.stop(0));
}

}  // namespace
}  // namespace millrace
