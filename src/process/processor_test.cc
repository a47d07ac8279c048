#include "process/processor.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_format.h"
#include "process/process_fixture_for_test.h"
#include "process/store_uses.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ProcessorTest : public ProcessFixture {
 protected:
  std::vector<std::uint64_t> up_to(std::uint64_t end) {
    std::vector<std::uint64_t> all(end);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }
  void remember_inserts() {
    connection_.keep_back = [this](const EventBatch& batch, std::size_t begin, std::size_t end) {
      inserts_.emplace_back(batch.sequence.begin() + static_cast<std::ptrdiff_t>(begin),
                            batch.sequence.begin() + static_cast<std::ptrdiff_t>(end));
      epochs_.push_back(batch.epoch.value);
      return false;
    };
  }
  std::vector<std::vector<std::uint64_t>> inserts_;
  std::vector<std::uint32_t> epochs_;
};

TEST_F(ProcessorTest, EveryEventBecomesARowAndRepeatsDoNot) {
  append({{"a", "1"}, {"b", "2"}, {"a", "1"}});
  append({{"c", "2"}, {"d", ""}, {"d", ""}, {"e", "2", "other"}});
  restart();
  EXPECT_THAT(stored(), ElementsAre(0, 1, 4, 5, 6));
  PartitionProgress now = progress();
  EXPECT_EQ(now.rows, 5u);
  EXPECT_EQ(now.repeats, 2u);
  EXPECT_EQ(now.stored_until.value, 7u);
  EXPECT_EQ(now.checkpoint_until.value, 7u);
  EXPECT_EQ(now.lag, 0);
  EXPECT_EQ(checkpoint().counts.rows, 5u);
}

TEST_F(ProcessorTest, RepeatsAreKnownAfterARestart) {
  options_.snapshot_log_bytes = 1;
  append({{"a", "1"}, {"b", "2"}});
  restart();
  append({{"a", "1"}, {"b", "3"}});
  restart();
  append({{"b", "2"}, {"b", "3"}, {"b", "4"}});
  restart();
  EXPECT_THAT(stored(), ElementsAre(0, 1, 3, 6));
}

TEST_F(ProcessorTest, BatchNeverCrossesAReceivedMonth) {
  remember_inserts();
  TimeNs december = kStart + 17 * 24 * kHourNs;
  append({{"a"}, {"b"}});
  append({{"c"}}, kStart + kHourNs);
  append({{"d"}}, december);
  append({{"e"}}, december + 1);
  restart();
  EXPECT_THAT(inserts_, ElementsAre(ElementsAre(0, 1, 2), ElementsAre(3, 4)));
}

TEST_F(ProcessorTest, BatchGoesWhenItIsFullOrOld) {
  options_.batch_rows_max = 4;
  remember_inserts();
  append_plain(10);
  start();
  while (step().next != StepResult::Next::kEvents) {
    now_ += kMillisecond;
  }
  EXPECT_THAT(inserts_, ElementsAre(ElementsAre(0, 1, 2, 3), ElementsAre(4, 5, 6, 7)));
  StepResult waits = step();
  EXPECT_EQ(waits.beyond.value, 10u);
  EXPECT_LE(waits.until - now_, options_.batch_age_ns_max);
  EXPECT_EQ(progress().stored_until.value, 8u);
  now_ = waits.until;
  run();
  EXPECT_THAT(inserts_, SizeIs(3));
}

TEST_F(ProcessorTest, BatchGoesByItsBytesToo) {
  options_.batch_bytes_max = 200;
  remember_inserts();
  append_plain(20);
  restart();
  EXPECT_GT(inserts_.size(), 3u);
  EXPECT_EQ(stored(), up_to(20));
}

TEST_F(ProcessorTest, UnstorableRowsBecomeFailedEventsAndTheRestGoesOn) {
  const std::string bad(MemoryStore::kRefusedEvent);
  append({{"a"}, {bad}, {"b"}, {"c"}, {"d"}, {bad}, {"e"}});
  restart();
  EXPECT_THAT(stored(), ElementsAre(0, 2, 3, 4, 6));
  EXPECT_THAT(failed_.durable(), ElementsAre(1, 5));
  EXPECT_EQ(progress().failed, 2u);
  EXPECT_EQ(checkpoint().counts.failed, 2u);
}

TEST_F(ProcessorTest, FailedEventsAreDurableBeforeTheCheckpointPassesThem) {
  append({{std::string(MemoryStore::kRefusedEvent)}});
  failed_.hook = [] { return Result<void>(unavailable("the disk of failed events is away")); };
  start();
  for (int i = 0; i < 200; ++i) {
    now_ += 1000 * kMillisecond;
    step();
  }
  EXPECT_EQ(checkpoint().counts.position.value, 0u);
  EXPECT_THAT(error(), HasSubstr("failed events is away"));
  failed_.hook = [] { return Result<void>(); };
  run();
  EXPECT_EQ(checkpoint().counts.position.value, 1u);
}

TEST_F(ProcessorTest, UnknownOutcomeIsSettledAndOnlyMissingRowsAreInsertedAgain) {
  append_plain(8, 8);
  store_.script(InsertFate::kUnknownPart);
  remember_inserts();
  restart();
  EXPECT_EQ(stored(), up_to(8));
  ASSERT_GE(inserts_.size(), 2u);
  std::size_t again = 0;
  for (std::size_t i = 1; i < inserts_.size(); ++i) {
    again += inserts_[i].size();
  }
  EXPECT_LT(again, 8u);
  EXPECT_THAT(store_.broken_rules(), IsEmpty());
}

TEST_F(ProcessorTest, UnknownOutcomeOfALateInsertIsWaitedFor) {
  append_plain(8, 8);
  for (int i = 0; i < 5; ++i) {
    store_.script(InsertFate::kUnknownLate);
  }
  restart();
  EXPECT_EQ(stored(), up_to(8));
  EXPECT_THAT(store_.broken_rules(), IsEmpty());
}

TEST_F(ProcessorTest, FullStoreGetsFewerAndLargerBatches) {
  append_plain(1);
  for (int i = 0; i < 4; ++i) {
    store_.script(InsertFate::kFull);
  }
  start();
  std::vector<TimeNs> tries;
  while (progress().stored_until.value < 5) {
    std::uint64_t before = store_.inserts();
    StepResult result = step();
    if (store_.inserts() > before) {
      tries.push_back(now_);
      append_plain(tries.size() < 5 ? 1 : 0);  // more to come, which the same batch takes along
    }
    EXPECT_FALSE(processor_->error());
    now_ = std::max(now_, result.until);
  }
  ASSERT_EQ(tries.size(), 5u);
  std::vector<TimeNs> waits;
  for (std::size_t i = 1; i < tries.size(); ++i) {
    waits.push_back((tries[i] - tries[i - 1]) / kMillisecond);
  }
  EXPECT_THAT(waits, ElementsAre(800, 1600, 3200, 6400));
  EXPECT_EQ(stored(), up_to(5));
  // And back again, once it is taken.
  for (int i = 0; i < 40; ++i) {
    append_plain(1);
    TimeNs appended = now_;
    while (progress().stored_until.value < 6U + static_cast<unsigned>(i)) {
      now_ = std::max(now_, step().until);
    }
    waits.push_back((now_ - appended) / kMillisecond);
  }
  EXPECT_LE(waits.back(), 400);
}

TEST_F(ProcessorTest, FullStoreIsGivenLongerAndLongerPausesWhereABatchCannotGrow) {
  options_.batch_rows_max = 1;
  append_plain(1);
  for (int i = 0; i < 4; ++i) {
    store_.script(InsertFate::kFull);
  }
  start();
  std::vector<TimeNs> pauses;
  while (progress().stored_until.value < 1) {
    StepResult result = step();
    if (result.next == StepResult::Next::kTime && processor_->error()) {
      pauses.push_back(result.until - now_);
    }
    now_ = std::max(now_, result.until);
  }
  EXPECT_THAT(pauses, ElementsAre(50 * kMillisecond, 100 * kMillisecond, 200 * kMillisecond, 400 * kMillisecond));
  EXPECT_FALSE(processor_->error());
}

TEST_F(ProcessorTest, StoreRestsBetweenBatchesOfACatchUp) {
  options_.batch_rows_max = 10;
  append_plain(30, 10);
  start();
  TimeNs rested = 0;
  for (int i = 0; i < 1000 && progress().stored_until.value < 30; ++i) {
    StepResult result = step();
    rested += result.next == StepResult::Next::kTime ? result.until - now_ : 0;
    now_ = std::max(now_ + 10 * kMillisecond, result.until);  // each step takes 10 ms
  }
  EXPECT_GT(rested, 0);
}

TEST_F(ProcessorTest, CheckpointDoesNotAdvanceWhenTheFlushFails) {
  append_plain(3);
  restart();
  append_plain(2);
  MemoryStoreFaults faults;
  faults.flush_fails = 1000;
  store_.set_faults(faults);
  for (int i = 0; i < 50; ++i) {
    now_ += 500 * kMillisecond;
    step();
  }
  EXPECT_EQ(progress().stored_until.value, 5u);  // rows go on
  EXPECT_EQ(checkpoint().counts.position.value, 3u);
  EXPECT_FALSE(processor_->error());
  EXPECT_THAT(processor_->checkpoint_trouble(), HasSubstr("checkpoints do not advance: "));
  store_.set_faults({});
  run();
  EXPECT_EQ(checkpoint().counts.position.value, 5u);
  EXPECT_EQ(processor_->checkpoint_trouble(), "");
}

TEST_F(ProcessorTest, RowsThatTheStoreLostBelowTheCheckpointAreReadFromTheLogAgain) {
  append_plain(20, 5);
  restart();
  store_.lose(kPartition, {SequenceNumber(3), SequenceNumber(6)});
  store_.lose(kPartition, {SequenceNumber(11), SequenceNumber(12)});
  restart();
  EXPECT_EQ(stored(), up_to(20));
  EXPECT_EQ(progress().lost, 0u);
}

TEST_F(ProcessorTest, RowsThatNeitherStoreNorLogHasAreReportedAsLost) {
  options_.snapshot_log_bytes = 1;
  append_plain(10);
  restart();
  append_plain(10);
  restart();
  append_plain(1);
  run();
  stream_.retain_from(kPartition, SequenceNumber(8));
  store_.lose(kPartition, {SequenceNumber(3), SequenceNumber(12)});
  restart();
  EXPECT_EQ(stored().size(), 16u);  // 8 to 11 came from the log
  EXPECT_EQ(progress().lost, 5u);
  EXPECT_EQ(metrics_.get(Metric::kProcessLost), 5);
  EXPECT_EQ(checkpoint().counts.rows, 16u);
}

TEST_F(ProcessorTest, WhatAnotherStoreLacksIsReadFromTheLog) {
  options_.store = "old";
  append_plain(10);
  restart();
  options_.store = "new";
  store_.wipe();
  restart();
  EXPECT_EQ(stored(), up_to(10));
  EXPECT_EQ(progress().lost, 0u);
  options_.store = "old";
  restart();
  std::vector<StoreUse> uses = load_store_uses(files_, options_.folder, kPartition).value();
  ASSERT_THAT(uses, SizeIs(2));
  EXPECT_EQ(uses[0].store + " " + uses[1].store, "new old");
  EXPECT_EQ(uses[0].epoch, Epoch(2));
  EXPECT_EQ(uses[1].epoch, Epoch(3));
}

TEST_F(ProcessorTest, WhatAnotherStoreLacksAndTheLogNoLongerHasIsNotTakenForLost) {
  options_.store = "old";
  options_.snapshot_log_bytes = 1;
  append_plain(10);
  restart();
  append_plain(10);
  restart();
  Counts counts = checkpoint().counts;
  stream_.retain_from(kPartition, SequenceNumber(8));
  options_.store = "new";
  store_.wipe();
  for (int start = 0; start < 3; ++start) {
    restart();
    EXPECT_THAT(error(), HasSubstr("new lacks 8 rows"));
    EXPECT_EQ(checkpoint().counts, counts);
    EXPECT_EQ(metrics_.get(Metric::kProcessLost), 0);
  }
  ASSERT_TRUE(files_.remove(store_uses_path(options_.folder, kPartition)).ok());
  restart();
  EXPECT_EQ(progress().lost, 8u);
  EXPECT_EQ(stored().size(), 12u);
}

TEST_F(ProcessorTest, WipedStoreIsRebuiltExactlyFromTheLog) {
  append({{"a", "1"}, {"b", "2"}, {"a", "1"}, {std::string(MemoryStore::kRefusedEvent)}});
  append_plain(10);
  restart();
  std::vector<std::uint64_t> before = stored();
  Counts counts = checkpoint().counts;
  store_.wipe();
  restart();
  EXPECT_EQ(stored(), before);
  EXPECT_EQ(checkpoint().counts, counts);
}

// Who waits for what he wrote must not be told that it is there while it is not.
TEST_F(ProcessorTest, NothingCountsAsStoredBeforeTheStoreHasItAgain) {
  append_plain(10);
  restart();
  store_.wipe();
  start();
  int steps = 0;
  for (; progress().stored_until.value == 0; ++steps) {
    ASSERT_LT(steps, 1000);
    step();
  }
  EXPECT_GT(steps, 1);
  EXPECT_EQ(progress().stored_until.value, 10u);
  EXPECT_EQ(stored(), up_to(10));
}

TEST_F(ProcessorTest, LostCheckpointAndSnapshotsAreMadeAgainFromLogAndStore) {
  append({{"a", "1"}, {"b", "2"}, {"a", "1"}});
  append_plain(10);
  restart();
  drain();
  Counts counts = checkpoint().counts;
  for (const std::string& path : files_named("")) {
    EXPECT_TRUE(files_.remove(path).ok());
  }
  restart();
  EXPECT_EQ(checkpoint().counts, counts);
  EXPECT_EQ(stored().size(), counts.rows);
}

TEST_F(ProcessorTest, DamagedCheckpointIsReplacedByTheSnapshots) {
  append_plain(5);
  restart();
  drain();
  damage_file("/process/checkpoint-p0", 20);
  append_plain(2);
  restart();
  EXPECT_EQ(stored(), up_to(7));
  EXPECT_EQ(checkpoint().counts.rows, 7u);
}

TEST_F(ProcessorTest, DamagedSnapshotIsReplacedByTheOneBefore) {
  options_.snapshot_log_bytes = 1;
  append({{"a", "1"}});
  restart();
  append({{"a", "2"}});
  run();
  append({{"a", "3"}});
  run();
  std::vector<std::string> snapshots = files_named("snapshot");
  ASSERT_THAT(snapshots, SizeIs(2));
  damage_file(snapshots[1], 30);
  append({{"a", "1"}, {"a", "2"}, {"a", "3"}, {"a", "4"}});
  restart();
  EXPECT_THAT(stored(), ElementsAre(0, 1, 2, 6));
  damage_file(files_named("snapshot").back(), 30);
  damage_file(files_named("snapshot").front(), 30);
  append({{"a", "2"}, {"a", "5"}});
  restart();
  EXPECT_THAT(stored(), ElementsAre(0, 1, 2, 6, 8));
}

TEST_F(ProcessorTest, StoreWithMoreRowsThanTheCheckpointSaysIsRefused) {
  append_plain(5);
  restart();
  Checkpoint changed = checkpoint();
  changed.counts.rows -= 1;
  changed.counts.repeats += 1;
  ASSERT_TRUE(save_checkpoint(files_, options_.folder, changed).ok());
  restart();
  EXPECT_THAT(error(), HasSubstr("the store has 5 rows of partition 0 before 5, the checkpoint says 4"));
  EXPECT_EQ(step().next, StepResult::Next::kStopped);
}

TEST_F(ProcessorTest, CheckpointOfAnOlderEpochIsRefused) {
  append_plain(5);
  restart();
  ASSERT_TRUE(store_.take_over({kPartition, Epoch(7), SequenceNumber(5)}).ok());
  restart();
  EXPECT_THAT(error(), HasSubstr("written by epoch 1, but epoch 7 has taken the partition over"));
}

TEST_F(ProcessorTest, CheckpointOfAnotherGenerationIsRefused) {
  append_plain(1);
  restart();
  Checkpoint changed = checkpoint();
  changed.generation = Generation(2);
  ASSERT_TRUE(save_checkpoint(files_, options_.folder, changed).ok());
  restart();
  EXPECT_THAT(error(), HasSubstr("is of generation 2 and partition 0, but the log is generation 1"));
}

TEST_F(ProcessorTest, LogThatLostItsEndIsRefused) {
  append_plain(5);
  restart();
  Checkpoint changed = checkpoint();
  changed.counts.position = SequenceNumber(9);
  changed.counts.rows = 9;
  ASSERT_TRUE(save_checkpoint(files_, options_.folder, changed).ok());
  restart();
  EXPECT_THAT(error(), HasSubstr("the log of partition 0 ends at 5, but events up to 9 were stored"));
}

TEST_F(ProcessorTest, StoreOfALongerLogIsRefused) {
  append_plain(5);
  restart();
  EventBatch batch;
  batch.generation = Generation(1);
  batch.partition = kPartition;
  batch.epoch = Epoch(1);
  batch.append(EventView(), SequenceNumber(50));
  ASSERT_TRUE(store_.insert(batch, 0, 1).ok());
  restart();
  EXPECT_THAT(error(), HasSubstr("the store has 1 rows of partition 0 that lie past the end of the log at 5"));
}

TEST_F(ProcessorTest, OldOwnerStopsBeforeItsNextCheckpoint) {
  append_plain(3);
  restart();
  ASSERT_TRUE(store_.take_over({kPartition, Epoch(2), SequenceNumber(3)}).ok());
  append_plain(1);
  run();
  EXPECT_THAT(error(), HasSubstr("partition 0 belongs to epoch 2 by now, this owner (epoch 1) stops"));
  EXPECT_EQ(checkpoint().counts.position.value, 3u);
  EXPECT_EQ(stored(), up_to(3));  // what it inserted since is a stray
}

TEST_F(ProcessorTest, NewOwnerWritesAgainFromTheFirstMissingRowOn) {
  append_plain(4);
  restart();
  append_plain(6, 6);
  store_.script(InsertFate::kUnknownPart);  // dies right after it
  bool dead = false;
  connection_.keep_back = [&](const EventBatch&, std::size_t, std::size_t) { return std::exchange(dead, true); };
  EXPECT_THROW(run(), SimCrash);
  remember_inserts();
  restart();
  EXPECT_EQ(stored(), up_to(10));
  EXPECT_EQ(epochs_.back(), 2u);
  EXPECT_EQ(checkpoint().epoch, Epoch(2));
  std::vector<Ownership> owners = checkpoint().owners;
  EXPECT_EQ(owner_of(owners, SequenceNumber(3)), Epoch(1));
  EXPECT_EQ(owner_of(owners, SequenceNumber(9)), Epoch(2));
}

TEST_F(ProcessorTest, DamagedEventsAreLostUnlessTheStoreHasThem) {
  append_plain(3);
  restart();
  append_plain(3);
  // Stored but not passed by a checkpoint: the store alone has them when the log's bytes go bad.
  while (progress().stored_until.value < 6) {
    now_ = std::max(now_ + kMillisecond, step().until);
  }
  ASSERT_EQ(checkpoint().counts.position.value, 3u);
  append_plain(3);
  stream_.damage(kPartition, {SequenceNumber(4), SequenceNumber(5)});
  stream_.damage(kPartition, {SequenceNumber(7), SequenceNumber(8)});
  restart();
  EXPECT_THAT(stored(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 8));
  EXPECT_EQ(progress().lost, 1u);
  EXPECT_EQ(progress().rows, 8u);
}

TEST_F(ProcessorTest, LogThatRetentionCutBeforeItWasReadIsReportedAsLost) {
  append_plain(10);
  stream_.release(kPartition, SequenceNumber(4));
  stream_.retain_from(kPartition, SequenceNumber(4));
  restart();
  EXPECT_THAT(stored(), ElementsAre(4, 5, 6, 7, 8, 9));
  EXPECT_EQ(progress().lost, 4u);
}

TEST_F(ProcessorTest, ServerThatLostRowsPastTheCheckpointIsAskedAgain) {
  options_.checkpoint_trail_ns = 60'000 * kMillisecond;
  append_plain(4);
  start();
  while (progress().stored_until.value < 4) {
    now_ = std::max(now_ + kMillisecond, step().until);
  }
  for (int i = 0; i < 20; ++i) {
    now_ += 1000 * kMillisecond;
    step();
  }
  EXPECT_EQ(checkpoint().counts.position.value, 0u);  // it trails
  store_.lose(kPartition, {SequenceNumber(1), SequenceNumber(3)});
  for (int i = 0; i < 200; ++i) {
    now_ += 1000 * kMillisecond;
    step();
  }
  EXPECT_EQ(stored(), up_to(4));
  EXPECT_EQ(checkpoint().counts.rows, 4u);
}

TEST_F(ProcessorTest, LogIsKeptFromTheOlderOfTwoSnapshotsOn) {
  options_.snapshot_log_bytes = 1;
  append_plain(3);
  restart();
  stream_.retain_from(kPartition, SequenceNumber(100));
  EXPECT_EQ(stream_.state(kPartition).begin.value, 0u);
  append_plain(3);
  run();
  append_plain(3);
  run();
  stream_.retain_from(kPartition, SequenceNumber(100));
  EXPECT_GT(stream_.state(kPartition).begin.value, 0u);
  EXPECT_LT(stream_.state(kPartition).begin.value, checkpoint().counts.position.value);
}

TEST_F(ProcessorTest, DrainStoresWhatWasReadAndWritesCheckpointAndSnapshot) {
  append_plain(5);
  start();
  while (step().next != StepResult::Next::kEvents) {
  }
  EXPECT_EQ(progress().stored_until.value, 0u);
  drain();
  EXPECT_EQ(stored(), up_to(5));
  EXPECT_EQ(checkpoint().counts.position.value, 5u);
  EXPECT_THAT(files_named("snapshot"), SizeIs(1));
  EXPECT_EQ(step().next, StepResult::Next::kStopped);
}

TEST_F(ProcessorTest, ChangedLimitsOfIdsHoldFromTheNextEventOnAlsoAfterACrash) {
  options_.ids.chunk_ids = 2;
  options_.ids.ids_max = 100;
  append({{"a", "1"}, {"a", "2"}, {"a", "3"}, {"a", "4"}, {"a", "5"}, {"a", "6"}});
  restart();
  options_.ids.ids_max = 2;
  append({{"a", "1"}});  // in the old limits' window still, if it was read before the change
  restart();
  std::vector<std::uint64_t> after_change = stored();
  restart();
  EXPECT_EQ(stored(), after_change);
  EXPECT_LE(processor_->ids(), 5u);
}

TEST_F(ProcessorTest, LagIsTheAgeOfTheOldestEventThatIsNotStored) {
  start();
  run();
  append({{"a"}}, kStart);
  wall_ = kStart + 250 * kMillisecond;
  step();
  EXPECT_EQ(progress().lag, 250 * kMillisecond);
  EXPECT_EQ(progress().durable_end.value, 1u);
  run();
  EXPECT_EQ(progress().lag, 0);
}

TEST_F(ProcessorTest, RecordOfANewerProgramStopsThePartition) {
  class Ignore final : public AppendListener {
    void appended(PartitionId, Result<SequenceRange>) override {}
  } listener;
  std::string record;
  begin_record(record, "p");
  record[0] = 99;
  ASSERT_TRUE(stream_.append({kPartition, 1, kStart, record, &listener}).ok());
  stream_.flush();
  restart();
  EXPECT_EQ(step().next, StepResult::Next::kStopped);
  EXPECT_FALSE(error().empty());
}

}  // namespace
}  // namespace millrace
