#include "process/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "process/process_fixture_for_test.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class VerifyTest : public ProcessFixture {
 protected:
  VerifyReport verify(std::uint64_t range_events = 1'000'000) {
    VerifyOptions options;
    options.partition = kPartition;
    options.folder = options_.folder;
    options.range_events = range_events;
    Result<VerifyReport> report = verify_partition(stream_, connection_, files_, options);
    EXPECT_TRUE(report.ok()) << report.error().message;
    return report.ok() ? *report : VerifyReport{};
  }
  void fill() {
    append({{"a", "1"}, {"b", "2"}, {"a", "1"}, {std::string(MemoryStore::kRefusedEvent)}});
    append({{"c", "3"}, {"c", "3"}}, kStart + 24 * kHourNs);
    restart();
  }
};

TEST_F(VerifyTest, LogAndStoreAreEqualByDayAfterRepeatsAndFailedEvents) {
  fill();
  VerifyReport report = verify();
  EXPECT_TRUE(report.equal);
  EXPECT_EQ(report.until.value, 6u);
  ASSERT_THAT(report.ranges, SizeIs(2));
  EXPECT_EQ(report.ranges[0].day, "2023-11-14");
  EXPECT_EQ(report.ranges[0].log_rows, 2u);
  EXPECT_EQ(report.ranges[0].store_rows, 2u);
  EXPECT_EQ(report.ranges[1].log_rows, 1u);
  EXPECT_THAT(report.remarks, IsEmpty());
}

TEST_F(VerifyTest, StaysEqualWithASnapshotAndInSmallRanges) {
  options_.snapshot_log_bytes = 1;
  fill();
  append_plain(30);
  restart();
  VerifyReport report = verify(5);
  EXPECT_TRUE(report.equal);
  EXPECT_GT(report.ranges.size(), 6u);
}

TEST_F(VerifyTest, MissingRowIsFound) {
  append_plain(20);
  restart();
  store_.lose(kPartition, {SequenceNumber(7), SequenceNumber(8)});
  VerifyReport report = verify(5);
  EXPECT_FALSE(report.equal);
  EXPECT_EQ(report.missing, 1u);
  EXPECT_THAT(report.ranges, ElementsAre(Field(&VerifyRange::equal, true), Field(&VerifyRange::equal, false),
                                         Field(&VerifyRange::equal, true), Field(&VerifyRange::equal, true)));
}

TEST_F(VerifyTest, RowTooManyIsFound) {
  append_plain(10);
  restart();
  EventBatch batch;
  batch.generation = Generation(1);
  batch.partition = kPartition;
  batch.epoch = Epoch(1);
  batch.append(store_.rows()[4].view(), SequenceNumber(4));
  ASSERT_TRUE(store_.insert(batch, 0, 1).ok());
  EXPECT_FALSE(verify().equal);
}

TEST_F(VerifyTest, OtherContentsOfTheSameCountAreFound) {
  append_plain(10);
  restart();
  MemoryStore::Row row = store_.rows()[4];
  store_.lose(kPartition, {SequenceNumber(4), SequenceNumber(5)});
  EventBatch batch;
  batch.generation = Generation(1);
  batch.partition = kPartition;
  batch.epoch = Epoch(1);
  row.properties = R"({"changed":true})";
  batch.append(row.view(), SequenceNumber(4));
  ASSERT_TRUE(store_.insert(batch, 0, 1).ok());
  VerifyReport report = verify();
  EXPECT_FALSE(report.equal);
  EXPECT_EQ(report.ranges[0].log_rows, report.ranges[0].store_rows);
}

TEST_F(VerifyTest, LogThatWasCutIsVerifiedFromItsBegin) {
  options_.snapshot_log_bytes = 1;
  append_plain(10);
  restart();
  append_plain(10);
  run();
  append_plain(5);
  run();
  stream_.retain_from(kPartition, SequenceNumber(6));
  VerifyReport report = verify();
  EXPECT_TRUE(report.equal);
  EXPECT_EQ(report.from.value, 6u);
  EXPECT_THAT(report.remarks, ElementsAre(HasSubstr("the log begins at 6")));
  store_.lose(kPartition, {SequenceNumber(2), SequenceNumber(3)});
  EXPECT_FALSE(verify().equal);
}

TEST_F(VerifyTest, DamagedEventsAreComparedByTheirNumber) {
  append_plain(10);
  restart();
  stream_.damage(kPartition, {SequenceNumber(3), SequenceNumber(4)});
  VerifyReport report = verify();
  EXPECT_TRUE(report.equal);
  EXPECT_EQ(report.ranges[0].damaged, 1u);
  EXPECT_EQ(report.ranges[0].log_rows, 9u);
  EXPECT_EQ(report.ranges[0].store_rows, 10u);
}

TEST_F(VerifyTest, WithoutACheckpointThereIsNothingToVerify) {
  VerifyOptions options;
  options.folder = options_.folder;
  EXPECT_EQ(verify_partition(stream_, connection_, files_, options).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace millrace
