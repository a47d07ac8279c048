#include "stream/log/log_test_support.h"

namespace millrace {
namespace {

class RetentionTest : public LogFixture {
 protected:
  PartitionState state() { return stream_->state(PartitionId(0)); }
  void release_all() { stream_->release(PartitionId(0), state().durable_end); }
};

TEST_F(RetentionTest, TheOldestSegmentsGoWhenTheLogIsTooLarge) {
  options_.retain_bytes = 3 * options_.segment_bytes;
  open();
  append_many(2000);
  release_all();
  await([&] { return state().bytes <= options_.retain_bytes; });
  EXPECT_GT(state().begin, SequenceNumber(0));
  EXPECT_EQ(read_all(state().begin).events, 2000 - state().begin.value);
  auto reader = stream_->reader(PartitionId(0), SequenceNumber(0));
  EXPECT_EQ((*reader)->next().error().code, Code::kUnavailable);
}

TEST_F(RetentionTest, NothingGoesThatIsNotReleased) {
  options_.retain_bytes = 0;
  options_.retain_ms = 0;
  open();
  append_many(2000);
  stream_->release(PartitionId(0), SequenceNumber(700));
  clock_.advance(1'000'000'000);
  append_many(500);
  await([&] { return state().begin > SequenceNumber(0); });
  EXPECT_LE(state().begin, SequenceNumber(700));
  EXPECT_EQ(read_all(SequenceNumber(700)).events, 1800u);
}

TEST_F(RetentionTest, OldSegmentsGoByAgeAndTheNewestStays) {
  options_.retain_ms = 60'000;
  open();
  append_many(1000);
  release_all();
  clock_.advance(30'000'000'000);
  append_many(1000);
  EXPECT_EQ(state().begin, SequenceNumber(0));
  release_all();
  clock_.advance(3600'000'000'000);
  await([&] { return metrics_->get(Metric::kStreamSegments) == 1; });
  EXPECT_GT(state().begin, SequenceNumber(1000));
  close();
  open();
  EXPECT_EQ(state().durable_end, SequenceNumber(2000));  // the place is not forgotten
}

TEST_F(RetentionTest, AClockThatJumpsAheadCostsNothing) {
  options_.retain_ms = 3600'000;
  open();
  append_many(1000);
  release_all();
  clock_.set_wall(clock_.wall() + 24LL * 3600'000'000'000);
  append_many(1000);
  std::uint64_t rounds = faults_->calls(FaultCall::kSyncFolder);
  append_many(1000);  // rounds of housekeeping go by: each new segment needs one
  await([&] { return faults_->calls(FaultCall::kSyncFolder) > rounds; });
  EXPECT_EQ(state().begin, SequenceNumber(0));
}

TEST_F(RetentionTest, RecycledFilesNeverBringOldRecordsBack) {
  options_.retain_bytes = 0;
  std::uint64_t events = 0;
  for (int round = 0; round < 30; ++round) {
    open();
    EXPECT_EQ(state().durable_end, SequenceNumber(events));
    ReadBack back = read_all(state().begin);
    EXPECT_EQ(back.damaged, 0u);
    // Records of another size in each round, so that frames of an older use begin at other places too.
    int count = 150 + 31 * round % 97;
    append_many(count, round % 3 == 0 ? 24 : 24 + 8 * round);
    release_all();
    append_many(50, 32);
    events += static_cast<std::uint64_t>(count) + 50;
    round % 4 == 3 ? close() : crash();
  }
  open();
  EXPECT_EQ(state().durable_end, SequenceNumber(events));
  EXPECT_EQ(metrics_->get(Metric::kStreamDamagedBytes), 0);
}

TEST_F(RetentionTest, FewSpareFilesAreKept) {
  options_.retain_bytes = 0;
  open();
  append_many(5000);
  release_all();
  await([&] { return state().bytes <= options_.segment_bytes; });
  close();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(partition_folder())) {
    files += entry.path().extension() == ".idx" ? 0 : 1;
  }
  EXPECT_LE(files, 1u /* in use */ + 1u /* spare */ + 2u /* to be used again */);
}

TEST_F(RetentionTest, AReaderBehindRetentionIsToldAndReadsNothingStale) {
  options_.retain_bytes = 0;
  open();
  append_many(1000);
  auto reader = stream_->reader(PartitionId(0), SequenceNumber(0));
  ASSERT_TRUE((*reader)->next().ok());
  release_all();
  append_many(1000);
  release_all();
  await([&] { return state().begin > SequenceNumber(900); });
  append_many(1000);  // the files of the first segments are written again
  SequenceNumber expected(1);
  Result<StreamEntry> entry = (*reader)->next();
  while (entry.ok()) {  // what it had in its buffer is still right
    EXPECT_FALSE(entry->damaged);
    EXPECT_EQ(entry->payload, payload_of(expected.value));
    expected = expected.plus(1);
    entry = (*reader)->next();
  }
  EXPECT_EQ(entry.error().code, Code::kUnavailable);
  EXPECT_EQ(metrics_->get(Metric::kStreamDamagedBytes), 0);
}

}  // namespace
}  // namespace millrace
