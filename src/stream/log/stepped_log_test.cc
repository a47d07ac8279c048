// The log without threads: what a simulation drives.

#include <deque>

#include "stream/log/log_test_support.h"

namespace millrace {
namespace {

class SteppedLogTest : public LogFixture {
 protected:
  void open_stepped() {
    faults_ = std::make_unique<FaultFileSystem>(posix_file_system());
    metrics_ = std::make_unique<Metrics>();
    Result<std::unique_ptr<SteppedLog>> log = open_stepped_log(*faults_, clock_, *metrics_, options_);
    ASSERT_TRUE(log.ok()) << log.error().message;
    log_ = std::move(*log);
  }
  void append(std::size_t bytes = 40) {
    payloads_.push_back(payload_of(payloads_.size(), bytes));
    ASSERT_TRUE(log_->append({PartitionId(0), 1, clock_.wall(), payloads_.back(), &listener_}).ok());
  }
  WriterStep step() { return log_->step_writer(PartitionId(0)); }
  void keep_house() {
    while (log_->step_housekeeping()) {
    }
  }
  std::uint64_t durable_end() { return log_->state(PartitionId(0)).durable_end.value; }

  std::deque<std::string> payloads_;
  RecordingListener listener_;
  std::unique_ptr<SteppedLog> log_;
};

TEST_F(SteppedLogTest, NothingHappensBetweenSteps) {
  open_stepped();
  append();
  EXPECT_EQ(step(), WriterStep::kNoSpare);
  EXPECT_EQ(durable_end(), 0u);
  keep_house();
  EXPECT_EQ(durable_end(), 0u);
  EXPECT_EQ(step(), WriterStep::kAgain);
  EXPECT_EQ(durable_end(), 1u);
  EXPECT_EQ(step(), WriterStep::kIdle);
}

TEST_F(SteppedLogTest, AStepWritesAndSyncsOnceAtMost) {
  open_stepped();
  keep_house();
  for (int i = 0; i < 100; ++i) {  // more than a segment holds
    append(400);
  }
  while (durable_end() < 100) {
    std::uint64_t syncs = faults_->calls(FaultCall::kSync);
    WriterStep done = step();
    EXPECT_LE(faults_->calls(FaultCall::kSync), syncs + 1);
    if (done == WriterStep::kNoSpare) {
      keep_house();
    }
  }
  EXPECT_EQ(listener_.wait(100).size(), 100u);
}

// A clock by which everything takes a millisecond.
class TickingClock final : public Clock {
 public:
  TimeNs wall() override { return now_; }
  TimeNs monotonic() override { return now_ += 1'000'000; }

 private:
  TimeNs now_ = 0;
};

TEST_F(SteppedLogTest, HowLongAnAppendWouldWaitFollowsFromWhatWaitsAndHowFastItWasWritten) {
  faults_ = std::make_unique<FaultFileSystem>(posix_file_system());
  metrics_ = std::make_unique<Metrics>();
  TickingClock clock;
  options_.segment_bytes = 16 << 20;
  Result<std::unique_ptr<SteppedLog>> log = open_stepped_log(*faults_, clock, *metrics_, options_);
  ASSERT_TRUE(log.ok()) << log.error().message;
  log_ = std::move(*log);
  keep_house();
  for (int i = 0; i < 4; ++i) {
    append(250'000);
  }
  EXPECT_EQ(log_->waiting_ms(), 0) << "nothing was written yet";
  EXPECT_EQ(step(), WriterStep::kAgain);
  EXPECT_EQ(log_->waiting_ms(), 0) << "nothing waits";
  for (int i = 0; i < 20; ++i) {
    append(250'000);
  }
  EXPECT_NEAR(static_cast<double>(log_->waiting_ms()), 5, 1) << "a megabyte took a millisecond";
  log_->stop();
  while (step() != WriterStep::kClosed) {
    keep_house();
  }
  EXPECT_EQ(log_->waiting_ms(), 0);
}

TEST_F(SteppedLogTest, StopWritesWhatWasTaken) {
  open_stepped();
  for (int i = 0; i < 100; ++i) {
    append(400);
  }
  log_->stop();
  for (const Result<SequenceRange>& told : listener_.wait(100)) {
    EXPECT_TRUE(told.ok());
  }
  log_.reset();
  open();
  EXPECT_EQ(read_all().events, 100u);
}

TEST_F(SteppedLogTest, DestroyedWithoutStopItWritesNothingAndRefusesWhoWaits) {
  open_stepped();
  keep_house();
  append();
  EXPECT_EQ(step(), WriterStep::kAgain);
  append();
  append();
  std::uint64_t writes = faults_->calls(FaultCall::kWrite);
  log_.reset();
  EXPECT_EQ(faults_->calls(FaultCall::kWrite), writes);
  std::vector<Result<SequenceRange>> told = listener_.wait(3);
  EXPECT_TRUE(told[0].ok());
  EXPECT_FALSE(told[1].ok());
  EXPECT_FALSE(told[2].ok());
  open();
  EXPECT_EQ(read_all().events, 1u);
}

}  // namespace
}  // namespace millrace
