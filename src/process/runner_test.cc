#include "process/runner.h"

#include <cstdlib>
#include <filesystem>
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
  EXPECT_EQ(metrics_.get(Metric::kProcessLagEvents), 0);
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
