// Copying streams, from log to log; with Kafka in kafka/topic_copy_test.cc.
#include "stream/stream_copy.h"

#include "stream/log/log_copy_target.h"
#include "stream/log/log_test_support.h"
#include "stream/log/sealed_log.h"

namespace millrace {
namespace {

constexpr TimeNs kOneDay = 86'400'000'000'000;

class StreamCopyTest : public LogFixture {
 protected:
  StreamCopyTest() {
    target_options_ = options_;
    target_options_.folder = folder_.path() + "/target";
    open_target();
  }

  void open_target() {
    target_.reset();
    auto target = LogCopyTarget::open(posix_file_system(), clock_, target_metrics_, target_options_);
    ASSERT_TRUE(target.ok()) << target.error().message;
    target_ = std::move(*target);
  }
  // A new command.
  Result<void> copy(CopySource& from) {
    copy_.emplace(*target_, 1, system_clock(),
                  [this](const CopyProgress&) { return turns_left_ == 0 || --turns_left_; });
    return copy_->bring(from, zero_);
  }
  Result<void> copy() {
    WholeStream all(*stream_);
    return copy(all);
  }
  std::vector<std::string> entries(CopySource& side) {
    std::vector<std::string> texts;
    auto reader = side.reader(zero_, side.state(zero_).begin).value();
    for (Result<StreamEntry> entry = reader->next(); entry.ok(); entry = reader->next()) {
      texts.push_back(fmt::format("{}-{} {} {} {}", entry->range.begin.value, entry->range.end.value, entry->received,
                                  entry->damaged ? "damaged" : "", entry->payload));
    }
    return texts;
  }
  std::vector<std::string> source_entries() {
    WholeStream all(*stream_);
    return entries(all);
  }

  const PartitionId zero_{0};
  LogOptions target_options_;
  Metrics target_metrics_;
  std::unique_ptr<LogCopyTarget> target_;
  std::optional<StreamCopy> copy_;
  unsigned turns_left_ = 0;  // 0: as many as there are
};

TEST_F(StreamCopyTest, TheCopyHasTheSameRecordsUnderTheSameNumbersAndTheSameSumsByDay) {
  open();
  append_many(300);
  clock_.advance(kOneDay);
  append_many(200, 400);
  ASSERT_TRUE(append_and_wait(*stream_, zero_, 7, clock_.wall(), "seven events").ok());
  Result<void> copied = copy();
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  EXPECT_EQ(entries(*target_), source_entries());
  EXPECT_EQ(copy_->progress().copied, 507u);
  EXPECT_EQ(copy_->progress().compared, 507u);
  ASSERT_EQ(copy_->sums_from().days.size(), 2u);
  EXPECT_EQ(copy_->sums_from(), copy_->sums_to());
  EXPECT_EQ(copy_->sums_from().days.rbegin()->second.events, 207u);
  EXPECT_EQ(copy_->sums_from().days.rbegin()->second.records, 201u);
}

TEST_F(StreamCopyTest, ACopyThatBrokeOffGoesOnWhereItEnded) {
  open();
  append_many(1'000);
  std::uint64_t copied = 0;
  int tries = 0;
  Result<void> done;
  do {
    turns_left_ = 5;  // of 64 records
    done = copy();
    copied += copy_->progress().copied;
    open_target();
    ASSERT_TRUE(done.ok() || done.error().code == Code::kUnavailable) << done.error().message;
    turns_left_ = 0;
  } while (!done.ok() && ++tries < 3);
  EXPECT_GT(tries, 0);
  done = copy();
  ASSERT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(copied + copy_->progress().copied, 1'000u);
  EXPECT_EQ(entries(*target_), source_entries());
}

TEST_F(StreamCopyTest, WhatRetentionHasGivenUpIsGoneThereToo) {
  options_.retain_bytes = 40 << 10;
  open();
  append_many(2'000);
  stream_->release(zero_, SequenceNumber(2'000));
  await([this] { return stream_->state(zero_).begin > SequenceNumber(0); });
  options_.retain_bytes = 10 << 30;
  close();
  open();
  SequenceNumber begin = stream_->state(zero_).begin;
  Result<void> copied = copy();
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  EXPECT_EQ(target_->state(zero_).begin, begin);
  EXPECT_EQ(entries(*target_), source_entries());
  open_target();
  EXPECT_EQ(target_->state(zero_).begin, begin);
  EXPECT_EQ(target_->state(zero_).durable_end, SequenceNumber(2'000));
}

TEST_F(StreamCopyTest, ALogOfAnEarlierTimeIsNoPlaceForAStreamThatBeginsBehindIt) {
  open();
  append_many(10);
  ASSERT_TRUE(copy().ok());
  close();
  options_.folder = folder_.path() + "/later";
  options_.durable_at_least = {SequenceNumber(20)};
  open();
  ASSERT_TRUE(append_one());
  Result<void> copied = copy();
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().code, Code::kInvalid);
  EXPECT_NE(copied.error().message.find("remove it"), std::string::npos) << copied.error().message;
}

TEST_F(StreamCopyTest, ATargetThatHoldsAnotherStreamIsFoundOutBeforeAnythingIsWritten) {
  open();
  append_many(10);
  ASSERT_TRUE(copy().ok());
  close();
  options_.folder = folder_.path() + "/other";
  clock_.advance(1);  // the same words, a nanosecond later
  open();
  append_many(20);
  Result<void> copied = copy();
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().code, Code::kInvalid);
  EXPECT_EQ(target_->state(zero_).durable_end, SequenceNumber(10));
}

TEST_F(StreamCopyTest, ARecordThatAnotherCutsDifferentlyIsFoundOut) {
  open();
  ASSERT_TRUE(append_one());
  ASSERT_TRUE(copy().ok());
  close();
  options_.folder = folder_.path() + "/other";
  open();
  ASSERT_TRUE(append_and_wait(*stream_, zero_, 3, clock_.wall(), payload_of(0)).ok());
  Result<void> copied = copy();
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().code, Code::kInvalid);
}

TEST_F(StreamCopyTest, WhatADiskHasLostStaysAHole) {
  open();
  append_many(300);
  close();
  std::string path = segments().front();
  std::string bytes = slurp(path);
  bytes[kSegmentHeaderBytes + 200] ^= 1;
  spill(path, bytes);
  open();
  Result<void> copied = copy();
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  EXPECT_GT(copy_->sums_from().damaged, 0u);
  EXPECT_EQ(entries(*target_), source_entries());
}

TEST_F(StreamCopyTest, ALogThatIsBeingWrittenIsReadUpToItsLastFullSegment) {
  open();
  append_many(1'000);
  SealedLog sealed(posix_file_system(), options_.folder, Generation(1), 1);
  ASSERT_TRUE(sealed.refresh().ok());
  SequenceNumber end = sealed.state(zero_).durable_end;
  EXPECT_GT(end, SequenceNumber(500));
  EXPECT_LT(end, SequenceNumber(1'000));
  Result<void> copied = copy(sealed);
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  EXPECT_EQ(target_->state(zero_).durable_end, end);
  append_many(1'000);
  ASSERT_TRUE(sealed.refresh().ok());
  EXPECT_GT(sealed.state(zero_).durable_end, end);
  ASSERT_TRUE(copy_->bring(sealed, zero_).ok());
  WholeStream all(*stream_);
  ASSERT_TRUE(copy_->bring(all, zero_).ok());
  EXPECT_EQ(entries(*target_), source_entries());
  EXPECT_EQ(copy_->progress().compared, 2'000u);
}

TEST_F(StreamCopyTest, ASegmentThatRetentionTakesAwayUnderAReaderIsToldAndGoneOnBehind) {
  options_.retain_bytes = 40 << 10;
  open();
  append_many(1'000);
  SealedLog sealed(posix_file_system(), options_.folder, Generation(1), 1);
  ASSERT_TRUE(sealed.refresh().ok());
  stream_->release(zero_, SequenceNumber(1'000));
  await([this] { return stream_->state(zero_).begin > SequenceNumber(500); });
  Result<void> copied = copy(sealed);
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().code, Code::kCorrupt);
  ASSERT_TRUE(sealed.refresh().ok());
  copied = copy(sealed);
  ASSERT_TRUE(copied.ok()) << copied.error().message;
  EXPECT_EQ(target_->state(zero_).begin, sealed.state(zero_).begin);
}

}  // namespace
}  // namespace millrace
