#include "stream/log/log_stream.h"

#include <atomic>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "stream/log/log_test_support.h"

namespace millrace {
namespace {

using LogStreamTest = LogFixture;

TEST_F(LogStreamTest, ACleanStopAndAStartGiveTheSameRecords) {
  open();
  append_many(1000);  // several segments
  close();
  open();
  ReadBack back = read_all();
  EXPECT_EQ(back.events, 1000u);
  EXPECT_EQ(back.damaged, 0u);
  append_many(10);
  EXPECT_EQ(read_all().events, 1010u);
  EXPECT_GT(segments().size(), 3u);
}

TEST_F(LogStreamTest, AfterACrashEverythingAcknowledgedIsThereAndANewSegmentBegins) {
  std::uint64_t appended = 0;
  for (int round = 0; round < 20; ++round) {
    open();
    std::size_t before = segments().size();
    append_many(37);
    EXPECT_GT(segments().size(), before);
    appended += 37;
    crash();
    open();
    EXPECT_EQ(read_all().events, appended);
    EXPECT_EQ(metrics_->get(Metric::kStreamDamagedBytes), 0);
    crash();
  }
}

TEST_F(LogStreamTest, ReceivedTimesNeverGoBackAcrossAStart) {
  open();
  append_many(1);
  TimeNs before = clock_.wall();
  crash();
  clock_.set_wall(before - 1'000'000'000);
  open();
  append_many(1);
  EXPECT_EQ(stream_->state(PartitionId(0)).newest_received, before);
  close();
  open();
  append_many(1);
  EXPECT_EQ(stream_->state(PartitionId(0)).newest_received, before);
}

TEST_F(LogStreamTest, WhatGathersDuringASyncGoesOutWithOneMore) {
  open();
  append_many(1);
  std::mutex gate;
  std::atomic<bool> entered = false;
  std::string active = segments().back();
  gate.lock();
  faults_->before_calls([&](FaultCall call, const std::string& path) {
    if (call == FaultCall::kSync && path == active) {
      entered = true;
      std::lock_guard wait(gate);
    }
  });
  std::int64_t syncs = metrics_->get(Metric::kStreamSyncs);
  RecordingListener listener;
  std::vector<std::string> payloads;
  for (std::uint64_t i = 1; i <= 101; ++i) {
    payloads.push_back(payload_of(i));
  }
  ASSERT_TRUE(stream_->append({PartitionId(0), 1, 0, payloads[0], &listener}).ok());
  await([&] { return entered.load(); });
  for (int i = 1; i <= 100; ++i) {
    ASSERT_TRUE(stream_->append({PartitionId(0), 1, 0, payloads[i], &listener}).ok());
  }
  EXPECT_EQ(listener.told(), 0u);
  EXPECT_EQ(stream_->state(PartitionId(0)).durable_end, SequenceNumber(1));  // readers see nothing early
  gate.unlock();
  listener.wait(101);
  EXPECT_EQ(metrics_->get(Metric::kStreamSyncs) - syncs, 2);
  EXPECT_EQ(read_all().events, 102u);
  close();  // before what the observer refers to is gone
}

TEST_F(LogStreamTest, TooManyWaitingBytesAreRefusedUntilSomeAreWritten) {
  options_.waiting_bytes_max = 100;
  open();
  append_many(1);
  std::mutex gate;
  gate.lock();
  std::string active = segments().back();
  faults_->before_calls([&](FaultCall call, const std::string& path) {
    if (call == FaultCall::kSync && path == active) {
      std::lock_guard wait(gate);
    }
  });
  RecordingListener listener;
  std::string one = payload_of(1);
  std::string two = payload_of(2);
  ASSERT_TRUE(stream_->append({PartitionId(0), 1, 0, one, &listener}).ok());
  ASSERT_TRUE(stream_->append({PartitionId(0), 1, 0, two, &listener}).ok());
  Result<void> third = stream_->append({PartitionId(0), 1, 0, one, &listener});
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, Code::kFull);
  gate.unlock();
  listener.wait(2);
  EXPECT_TRUE(append_one());
  close();  // before what the observer refers to is gone
}

TEST_F(LogStreamTest, ARecordLargerThanASegmentIsTaken) {
  open();
  append_many(3);
  ASSERT_TRUE(append_one(300'000));
  append_many(3);
  EXPECT_EQ(read_all().events, 7u);
  crash();
  open();
  EXPECT_EQ(read_all().events, 7u);
}

TEST_F(LogStreamTest, AnotherNumberOfPartitionsIsRefused) {
  open();
  append_many(1);
  close();
  options_.partitions = 2;
  Metrics metrics;
  auto stream = open_log_stream(posix_file_system(), clock_, metrics, options_);
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.error().code, Code::kInvalid);
  EXPECT_NE(stream.error().message.find("has 1 partitions, stream.partitions says 2"), std::string::npos)
      << stream.error().message;
}

TEST_F(LogStreamTest, ALogThatLostTheNumberOfItsPartitionsIsRefused) {
  open();
  close();
  std::filesystem::remove(options_.folder + "/g1/partitions");
  Metrics metrics;
  auto stream = open_log_stream(posix_file_system(), clock_, metrics, options_);
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.error().code, Code::kCorrupt);
}

TEST_F(LogStreamTest, ASegmentOfANewerVersionIsRefused) {
  open();
  append_many(1);
  close();
  std::string path = segments().back();
  std::string bytes = slurp(path);
  store_le(bytes.data() + kSegmentMagic.size(), kSegmentVersion + 1);
  store_le(bytes.data() + kSegmentHeaderBytes - 4, crc32c(std::string_view(bytes).substr(0, kSegmentHeaderBytes - 4)));
  spill(path, bytes);
  Metrics metrics;
  auto stream = open_log_stream(posix_file_system(), clock_, metrics, options_);
  ASSERT_FALSE(stream.ok());
  EXPECT_EQ(stream.error().code, Code::kInvalid);
  EXPECT_NE(stream.error().message.find("version 2"), std::string::npos) << stream.error().message;
}

TEST_F(LogStreamTest, SeeksWorkWhenIndexesAreMissingOrBad) {
  open();
  append_many(2000);
  close();
  bool remove = true;
  for (const auto& entry : std::filesystem::directory_iterator(partition_folder())) {
    if (entry.path().extension() == ".idx") {
      remove ? (void)std::filesystem::remove(entry.path()) : spill(entry.path(), "not an index");
      remove = !remove;
    }
  }
  open();
  auto reader = stream_->reader(PartitionId(0), SequenceNumber(0));
  for (std::uint64_t place = 0; place < 2000; place += 13) {
    ASSERT_TRUE((*reader)->seek(SequenceNumber(place)).ok());
    Result<StreamEntry> entry = (*reader)->next();
    ASSERT_TRUE(entry.ok());
    EXPECT_EQ(entry->payload, payload_of(place));
  }
}

TEST_F(LogStreamTest, ALogThatEndsBeforeWhatACheckpointSawGoesOnBehindIt) {
  open();
  append_many(10);
  crash();
  options_.durable_at_least = {SequenceNumber(15)};
  open();
  EXPECT_EQ(stream_->state(PartitionId(0)).durable_end, SequenceNumber(15));
  append_many(5);
  ReadBack back = read_all();
  EXPECT_EQ(back.events, 15u);
  ASSERT_EQ(back.holes.size(), 1u);
  EXPECT_EQ(back.holes[0], (SequenceRange{SequenceNumber(10), SequenceNumber(15)}));
  close();
  open();
  EXPECT_EQ(read_all().events, 15u);
}

TEST_F(LogStreamTest, TwoPartitionsAreRecoveredEachByItself) {
  options_.partitions = 2;
  open();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(append_and_wait(*stream_, PartitionId(0), 1, 0, "zero").ok());
    ASSERT_TRUE(append_and_wait(*stream_, PartitionId(1), 2, 0, "one").ok());
  }
  crash();
  open();
  EXPECT_EQ(stream_->state(PartitionId(0)).durable_end, SequenceNumber(50));
  EXPECT_EQ(stream_->state(PartitionId(1)).durable_end, SequenceNumber(100));
  auto reader = stream_->reader(PartitionId(1), SequenceNumber(50));
  EXPECT_EQ((*reader)->next()->payload, "one");
}

}  // namespace
}  // namespace millrace
