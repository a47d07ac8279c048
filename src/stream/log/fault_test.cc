// The N-th call fails, for every N.

#include <atomic>

#include "stream/log/log_test_support.h"

namespace millrace {
namespace {

struct Fault {
  FaultCall call;
  Code code;
  const char* name;
};

class FaultTest : public LogFixture, public testing::WithParamInterface<Fault> {};

TEST_P(FaultTest, NothingIsAcknowledgedAfterAFailureAndARestartFindsAllThatWas) {
  options_.retain_bytes = options_.segment_bytes;  // so that files are renamed and removed too
  bool reached = true;
  for (std::uint64_t nth = 1; reached; ++nth) {
    std::filesystem::remove_all(options_.folder);
    open();
    faults_->fail(GetParam().call, nth, GetParam().code);
    std::uint64_t acknowledged = 0;
    bool refused = false;
    for (int i = 0; i < 120; ++i) {
      bool ok = append_one(400);
      EXPECT_FALSE(ok && refused && stream_->health().error().code == Code::kUnavailable);
      acknowledged += ok ? 1 : 0;
      stream_->release(PartitionId(0), stream_->state(PartitionId(0)).durable_end);
      if (!ok && last_error_.code == Code::kUnavailable) {
        refused = true;
        break;
      }
    }
    reached = faults_->has_failed();
    if (refused) {
      ASSERT_TRUE(reached) << last_error_.message;
      Result<void> health = stream_->health();
      ASSERT_FALSE(health.ok());
      EXPECT_EQ(health.error().code, Code::kUnavailable);
      EXPECT_EQ(metrics_->get(Metric::kStreamFailed), 1);
      for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(append_one());
      }
    }
    close();
    EXPECT_EQ(faults_->syncs_after_failure(), 0u);
    open();
    SequenceNumber end = stream_->state(PartitionId(0)).durable_end;
    EXPECT_GE(end.value, acknowledged);
    EXPECT_LE(end.value, acknowledged + 1);  // the one that failed may have reached the disk
    ReadBack back = read_all(stream_->state(PartitionId(0)).begin);
    EXPECT_EQ(back.damaged, 0u);
    EXPECT_TRUE(append_one());
    close();
  }
}

INSTANTIATE_TEST_SUITE_P(EveryCall, FaultTest,
                         testing::Values(Fault{FaultCall::kWrite, Code::kUnavailable, "WriteEio"},
                                         Fault{FaultCall::kWrite, Code::kFull, "WriteEnospc"},
                                         Fault{FaultCall::kSync, Code::kUnavailable, "SyncEio"},
                                         Fault{FaultCall::kSync, Code::kFull, "SyncEnospc"},
                                         Fault{FaultCall::kOpen, Code::kUnavailable, "OpenEio"},
                                         Fault{FaultCall::kOpen, Code::kFull, "OpenEnospc"},
                                         Fault{FaultCall::kRename, Code::kUnavailable, "RenameEio"},
                                         Fault{FaultCall::kRename, Code::kFull, "RenameEnospc"},
                                         Fault{FaultCall::kRemove, Code::kUnavailable, "RemoveEio"},
                                         Fault{FaultCall::kSyncFolder, Code::kUnavailable, "SyncFolderEio"},
                                         Fault{FaultCall::kSyncFolder, Code::kFull, "SyncFolderEnospc"},
                                         Fault{FaultCall::kTruncate, Code::kUnavailable, "TruncateEio"},
                                         Fault{FaultCall::kTruncate, Code::kFull, "TruncateEnospc"}),
                         [](const testing::TestParamInfo<Fault>& fault) { return fault.param.name; });

using LogFailureTest = LogFixture;

TEST_F(LogFailureTest, AFailedSyncTellsAllWhoWaitAndTheFileIsNeverSyncedAgain) {
  open();
  append_many(1);
  std::string active = segments().back();
  std::atomic<int> syncs = 0;
  faults_->before_calls([&](FaultCall call, const std::string& path) {
    if (call == FaultCall::kSync && path == active && syncs.fetch_add(1) == 0) {
      faults_->fail(FaultCall::kSync, 1);
    }
  });
  RecordingListener listener;
  std::string payload = payload_of(1);
  std::size_t taken = 0;
  for (int i = 0; i < 50; ++i) {
    taken += stream_->append({PartitionId(0), 1, 0, payload, &listener}).ok() ? 1 : 0;
  }
  for (const Result<SequenceRange>& told : listener.wait(taken)) {
    ASSERT_FALSE(told.ok());
    EXPECT_EQ(told.error().code, Code::kUnavailable);
  }
  EXPECT_EQ(stream_->health().error().code, Code::kUnavailable);
  EXPECT_EQ(stream_->state(PartitionId(0)).durable_end, SequenceNumber(1));
  EXPECT_EQ(read_all().events, 1u);
  close();
  EXPECT_EQ(syncs, 1);
}

TEST_F(LogFailureTest, BelowTheWatermarkEventsAreRefusedAndTakenAgainWhenThereIsSpace) {
  options_.free_bytes_min = 1 << 20;
  open();
  append_many(10);
  faults_->set_available_bytes(1 << 19);
  await([&] { return !stream_->health().ok(); });
  EXPECT_EQ(stream_->health().error().code, Code::kFull);
  EXPECT_FALSE(append_one());
  EXPECT_EQ(last_error_.code, Code::kFull);
  EXPECT_EQ(read_all().events, 10u);
  faults_->set_available_bytes(std::nullopt);
  await([&] { return stream_->health().ok(); });
  append_many(10);
  EXPECT_EQ(read_all().events, 20u);
  EXPECT_EQ(metrics_->get(Metric::kStreamFailed), 0);
}

TEST_F(LogFailureTest, WithoutSpaceForAnotherSegmentTheSpareIsUsedUpAndThenEventsAreRefused) {
  options_.free_bytes_min = 1 << 20;
  open();
  append_many(1);
  faults_->set_available_bytes((1 << 20) + 100);  // above the watermark, too little for a segment
  std::uint64_t taken = 1;
  while (append_one(100)) {
    ++taken;
  }
  EXPECT_EQ(last_error_.code, Code::kFull);
  EXPECT_FALSE(stream_->health().ok()) << "the next ones are refused before they are read";
  EXPECT_GT(taken, 80u);  // at least the rest of the segment in use
  EXPECT_EQ(metrics_->get(Metric::kStreamFailed), 0);
  EXPECT_EQ(read_all().events, taken);
  faults_->set_available_bytes(std::nullopt);
  await([&] { return append_one(); });
  append_many(200);
  EXPECT_EQ(read_all().events, taken + 201);
}

}  // namespace
}  // namespace millrace
