// What a power cut may take, on a disk that keeps no more than it must.

#include <gtest/gtest.h>

#include "io/sim.h"
#include "stream/log/log_stream.h"
#include "stream/recording_listener.h"

namespace millrace {
namespace {

constexpr PartitionId kPartition{0};

class PowerCutTest : public testing::Test {
 protected:
  void begin(std::uint64_t seed) {
    log_.reset();
    disk_ = std::make_unique<SimDisk>(seed);
    files_ = std::make_unique<SimFiles>(*disk_);
    options_.folder = "/data/log";
    options_.segment_bytes = 16 << 10;
    options_.free_bytes_min = 0;
  }
  bool open() {
    log_.reset();
    Result<std::unique_ptr<SteppedLog>> log = open_stepped_log(*files_, clock_, metrics_, options_);
    if (log.ok()) {
      log_ = std::move(*log);
      while (log_->step_housekeeping()) {
      }
    }
    return log.ok();
  }
  bool append(const std::string& payload) {
    RecordingListener listener;
    EXPECT_TRUE(log_->append({kPartition, 1, clock_.wall(), payload, &listener}).ok());
    log_->step_writer(kPartition);
    return listener.wait(1).front().ok();
  }
  void cut_power() {
    log_.reset();
    disk_->cut_power();
  }
  std::uint64_t durable_end() { return log_->state(kPartition).durable_end.value; }

  ManualClock clock_{1'700'000'000'000'000'000};
  Metrics metrics_;
  LogOptions options_;
  std::unique_ptr<SimDisk> disk_;
  std::unique_ptr<SimFiles> files_;
  std::unique_ptr<SteppedLog> log_;
};

// The folders' own names must be durable too, up to the root.
TEST_F(PowerCutTest, TheFirstEventOfAllSurvives) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    begin(seed);
    ASSERT_TRUE(open());
    ASSERT_TRUE(append("hello"));
    cut_power();
    ASSERT_TRUE(open());
    ASSERT_EQ(durable_end(), 1u) << seed;
  }
}

// A sync fails, so that the record may be in the kernel's memory alone; a start mends the segment and dies before the
// mended one's name is durable; the next start finds it closed.
TEST_F(PowerCutTest, WhatReadersWereGivenSurvivesAlsoIfAStartDiedWhileItMended) {
  std::uint64_t given = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    begin(seed);
    ASSERT_TRUE(open());
    files_->before = [](SimCall call, const std::string&) {
      return call == SimCall::kSync ? Result<void>(unavailable("no sync")) : Result<void>();
    };
    ASSERT_FALSE(append("hello"));
    log_.reset();
    files_->before = [](SimCall call, const std::string& path) {
      return call == SimCall::kSyncFolder && path.ends_with("/p0") ? Result<void>(unavailable("no sync"))
                                                                   : Result<void>();
    };
    EXPECT_FALSE(open());
    files_->before = nullptr;
    ASSERT_TRUE(open());
    std::uint64_t end = durable_end();
    given += end;
    cut_power();
    ASSERT_TRUE(open());
    ASSERT_GE(durable_end(), end) << seed;
  }
  EXPECT_GT(given, 0u);
}

}  // namespace
}  // namespace millrace
