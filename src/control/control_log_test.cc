#include "control/control_log.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/document_for_test.h"
#include "io/fault.h"
#include "io/sim.h"
#include "io/test_folder.h"

namespace millrace {
namespace {

class ControlLogTest : public testing::Test {
 protected:
  std::unique_ptr<ControlLog> open() {
    Result<std::unique_ptr<ControlLog>> log = ControlLog::open(files_, folder());
    EXPECT_TRUE(log.ok()) << (log.ok() ? "" : log.error().message);
    return log.ok() ? std::move(log).value() : nullptr;
  }
  std::string folder() const { return folder_.path() + "/control"; }
  std::string path() const { return folder() + "/control.log"; }
  std::string bytes() const {
    std::ifstream file(path(), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  void write(const std::string& content) const {
    std::ofstream(path(), std::ios::binary | std::ios::trunc).write(content.data(), static_cast<long>(content.size()));
  }

  TestFolder folder_;
  FaultFileSystem files_{posix_file_system()};
};

TEST_F(ControlLogTest, TheLastChangeCountsAlsoAfterReopening) {
  {
    auto log = open();
    ASSERT_TRUE(log->put("dashboard", "a", R"({"n":1})").ok());
    ASSERT_TRUE(log->put("dashboard", "a", R"({"n":2})").ok());
    ASSERT_TRUE(log->put("dashboard", "b", R"({"n":3})").ok());
    ASSERT_TRUE(log->put("session", "a", R"({"n":4})").ok());
    ASSERT_TRUE(log->remove("dashboard", "b").ok());
    EXPECT_TRUE(log->remove("dashboard", "never there").ok());
    EXPECT_EQ(log->find("dashboard", "a"), R"({"n":2})");
  }
  auto log = open();
  using Things = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(log->all("dashboard"), (Things{{"a", R"({"n":2})"}}));
  EXPECT_EQ(log->all("session"), (Things{{"a", R"({"n":4})"}}));
  EXPECT_TRUE(log->all("view").empty());
  EXPECT_FALSE(log->find("dashboard", "b"));
}

TEST_F(ControlLogTest, EveryTornEndLosesTheUnconfirmedChangeAlone) {
  {
    auto log = open();
    ASSERT_TRUE(log->put("view", "first", "{}").ok());
  }
  std::size_t kept = bytes().size();
  {
    auto log = open();
    ASSERT_TRUE(log->put("view", "second", "{}").ok());
  }
  std::string whole = bytes();
  for (std::size_t size = kept; size < whole.size(); ++size) {
    write(whole.substr(0, size));
    auto log = open();
    ASSERT_TRUE(log);
    EXPECT_TRUE(log->find("view", "first")) << size;
    EXPECT_FALSE(log->find("view", "second")) << size;
    EXPECT_EQ(bytes().size(), kept);
  }
}

TEST_F(ControlLogTest, DamageBeforeAnotherChangeIsReportedWithThePlace) {
  {
    auto log = open();
    ASSERT_TRUE(log->put("view", "first", "{}").ok());
    ASSERT_TRUE(log->put("view", "second", "{}").ok());
  }
  std::string bad = bytes();
  bad[kControlLogHeaderBytes + 12] ^= 0x10;
  write(bad);
  Result<std::unique_ptr<ControlLog>> log = ControlLog::open(files_, folder());
  ASSERT_FALSE(log.ok());
  EXPECT_EQ(log.error().code, Code::kCorrupt);
  EXPECT_NE(log.error().message.find("control.log: the change at byte 8"), std::string::npos) << log.error().message;
  EXPECT_EQ(bytes(), bad) << "a damaged file is left as it is";
}

TEST_F(ControlLogTest, ANewerFileIsRefused) {
  open();
  std::string newer = bytes();
  newer[kControlLogMagic.size()] = 2;
  write(newer);
  Result<std::unique_ptr<ControlLog>> log = ControlLog::open(files_, folder());
  ASSERT_FALSE(log.ok());
  EXPECT_EQ(log.error().code, Code::kInvalid);
}

TEST_F(ControlLogTest, AfterAFailedSyncNothingIsConfirmedAndNoOtherChangeTaken) {
  auto log = open();
  ASSERT_TRUE(log->put("view", "good", "{}").ok());
  files_.fail(FaultCall::kSync, 1);
  EXPECT_FALSE(log->put("view", "bad", "{}").ok());
  std::uint64_t syncs = files_.calls(FaultCall::kSync);
  EXPECT_EQ(log->put("view", "other", "{}").error().code, Code::kUnavailable);
  EXPECT_EQ(files_.calls(FaultCall::kSync), syncs) << "a file whose sync failed is never synced again";
  EXPECT_TRUE(log->find("view", "good"));
  EXPECT_FALSE(log->find("view", "bad"));
}

TEST_F(ControlLogTest, AfterAFailedChangeNothingIsSaidToBeGone) {
  auto log = open();
  files_.fail(FaultCall::kSync, 1);
  EXPECT_FALSE(log->put("view", "perhaps", "{}").ok());
  EXPECT_EQ(log->remove("view", "perhaps").error().code, Code::kUnavailable) << "a start may find it";
}

// What a process wrote and did not sync is found by the next one in the kernel's memory, and told to people. It must
// survive the power cut after that.
TEST(ControlLogPower, WhatAStartFoundSurvivesAPowerCut) {
  int found = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimDisk disk(seed);
    auto open = [](SimFiles& files) { return ControlLog::open(files, "/data/control").value(); };
    {
      SimFiles files(disk);
      auto log = open(files);
      ASSERT_TRUE(log->put("view", "gone", "{}").ok());
      files.before = [](SimCall call, const std::string&) {
        return call == SimCall::kSync ? Result<void>(unavailable("no sync")) : Result<void>();
      };
      EXPECT_FALSE(log->remove("view", "gone").ok());
    }
    bool gone = false;
    {
      SimFiles files(disk);
      auto log = open(files);
      gone = !log->find("view", "gone") && log->remove("view", "gone").ok();
    }
    disk.cut_power();
    SimFiles files(disk);
    ASSERT_EQ(!open(files)->find("view", "gone"), gone) << seed;
    found += gone ? 1 : 0;
  }
  EXPECT_GT(found, 0);
}

TEST_F(ControlLogTest, AChangeThatIsTooLargeIsRefusedAndOthersGoOn) {
  auto log = open();
  std::string large = '"' + std::string(kControlChangeBytesMax, 'x') + '"';
  EXPECT_EQ(log->put("view", "large", large).error().code, Code::kInvalid);
  EXPECT_TRUE(log->put("view", "small", "{}").ok());
  EXPECT_TRUE(open()->find("view", "small"));
}

TEST_F(ControlLogTest, TheFileIsRewrittenWhenMostOfItIsHistory) {
  auto log = open();
  ASSERT_TRUE(log->put("view", "kept", "{}").ok());
  std::string value = '"' + std::string(100 << 10, 'x') + '"';
  std::size_t largest = 0;
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(log->put("view", "changing", value).ok());
    largest = std::max(largest, bytes().size());
  }
  EXPECT_LT(largest, 1200u << 10);
  log.reset();
  log = open();
  EXPECT_TRUE(log->find("view", "kept"));
  EXPECT_EQ(log->find("view", "changing"), value);
}

TEST(ControlLogFormat, WorkedExampleOfTheDocumentIsWhatIsWritten) {
  std::string written;
  append_control_log_header(written);
  append_control_change(written, {"dashboard", "default/d1", R"({"name":"Sales"})"});
  append_control_change(written, {"dashboard", "default/d1", ""});
  EXPECT_EQ(bytes_in_document("docs/formats/control.md", "## The control log"), written);
}

}  // namespace
}  // namespace millrace
