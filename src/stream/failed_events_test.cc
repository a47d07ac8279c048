#include "stream/failed_events.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "io/fault.h"
#include "io/sim.h"
#include "io/test_folder.h"

namespace millrace {
namespace {

class FailedEventsTest : public testing::Test {
 protected:
  std::unique_ptr<FailedEvents> open(std::uint64_t bytes_max = 1 << 20) {
    return FailedEvents::open(files_, folder_.path() + "/failed", bytes_max).value();
  }
  static FailedEvent refused(int number, const std::string& project = "default") {
    return {1000 + number, project, "ingest", "not JSON", "raw " + std::to_string(number), false, {}, {}, {}};
  }
  static FailedEvent unstorable(std::uint64_t sequence) {
    return {
        1000, "default", "store", "too large", "row", false, Generation(1), PartitionId(0), SequenceNumber(sequence)};
  }

  TestFolder folder_;
  FaultFileSystem files_{posix_file_system()};
};

TEST_F(FailedEventsTest, TheLatestComeFirstAndSurviveAStart) {
  auto failed = open();
  for (int i = 0; i < 10; ++i) {
    failed->add(refused(i));
  }
  failed->add(refused(99, "other"));
  ASSERT_TRUE(failed->sync().ok());
  for (int round = 0; round < 2; ++round) {
    std::vector<FailedEvent> latest = failed->latest("default", 3);
    ASSERT_EQ(latest.size(), 3u);
    EXPECT_EQ(latest[0].raw, "raw 9");
    EXPECT_EQ(latest[2].raw, "raw 7");
    EXPECT_EQ(latest[0].reason, "not JSON");
    EXPECT_EQ(latest[0].stage, "ingest");
    EXPECT_EQ(latest[0].at, 1009);
    EXPECT_EQ(failed->latest("default", 100).size(), 10u);
    EXPECT_EQ(failed->latest("nobody", 100).size(), 0u);
    failed.reset();
    failed = open();
  }
}

TEST_F(FailedEventsTest, APlaceIsKeptOnceHoweverOftenItIsAdded) {
  auto failed = open();
  failed->add(unstorable(7));
  failed->add(unstorable(7));
  failed->add(unstorable(8));
  failed.reset();
  failed = open();
  failed->add(unstorable(8));
  EXPECT_EQ(failed->latest("default", 100).size(), 2u);
}

TEST_F(FailedEventsTest, TheOldestGoWhenTheBoundIsReached) {
  auto failed = open(64 << 10);
  for (int i = 0; i < 5000; ++i) {
    failed->add(refused(i));
  }
  std::vector<FailedEvent> latest = failed->latest("default", 10'000);
  EXPECT_GT(latest.size(), 300u);
  EXPECT_LT(latest.size(), 1500u);
  for (std::size_t i = 0; i < latest.size(); ++i) {
    EXPECT_EQ(latest[i].raw, "raw " + std::to_string(4999 - i));
  }
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/failed")) {
    bytes += entry.file_size();
  }
  EXPECT_LT(bytes, 66u << 10);
  failed.reset();
  EXPECT_EQ(open(64 << 10)->latest("default", 1)[0].raw, "raw 4999");
}

TEST_F(FailedEventsTest, LongEventsAreCutAndSaySo) {
  auto failed = open();
  FailedEvent event = refused(1);
  event.raw.assign(100'000, 'x');
  failed->add(event);
  FailedEvent kept = failed->latest("default", 1).at(0);
  EXPECT_EQ(kept.raw.size(), 16u << 10);
  EXPECT_TRUE(kept.truncated);
}

TEST_F(FailedEventsTest, AHalfWrittenEntryAtTheEndIsLeftOut) {
  auto failed = open();
  failed->add(refused(1));
  failed->add(refused(2));
  failed.reset();
  std::string path = folder_.path() + "/failed/failed-0.log";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 3);
  failed = open();
  EXPECT_EQ(failed->latest("default", 10).size(), 1u);
  failed->add(refused(3));
  failed.reset();
  EXPECT_EQ(open()->latest("default", 10).size(), 2u);
}

// Whoever wrote it died before the sync, or the sync failed: the next one finds it, and must not take it for durable.
TEST_F(FailedEventsTest, WhatAnotherProcessLeftUnsyncedIsDurableWithTheNextSync) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimDisk disk(seed);
    SimFiles files(disk);
    for (bool first : {true, false}) {
      auto failed = FailedEvents::open_without_thread(files, "/failed", 1 << 20).value();
      failed->add(unstorable(7));
      if (first) {
        files.before = [](SimCall call, const std::string&) {
          return call == SimCall::kSync ? Result<void>(unavailable("no sync")) : Result<void>();
        };
      }
      EXPECT_EQ(failed->sync().ok(), !first);
      files.before = nullptr;
    }
    disk.cut_power();
    auto failed = FailedEvents::open_without_thread(files, "/failed", 1 << 20).value();
    ASSERT_EQ(failed->latest("default", 9).size(), 1u) << seed;
  }
}

TEST_F(FailedEventsTest, AfterAFailedSyncNothingIsSyncedAgain) {
  auto failed = open();
  failed->add(refused(1));
  files_.fail(FaultCall::kSync, 1);
  EXPECT_FALSE(failed->sync().ok());
  failed->add(refused(2));
  EXPECT_FALSE(failed->sync().ok());
  EXPECT_EQ(files_.syncs_after_failure(), 0u);
}

}  // namespace
}  // namespace millrace
