#include "io/sim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace {
namespace {

using testing::ElementsAre;

void write(File& file, std::uint64_t offset, std::string_view bytes) {
  std::string_view pieces[] = {bytes};
  ASSERT_TRUE(file.write_at(offset, pieces).ok());
}

class SimDiskTest : public testing::Test {
 protected:
  // A folder with a file of `bytes` zeros, all durable.
  void begin(std::uint64_t seed, std::size_t bytes = 4096) {
    disk_ = std::make_unique<SimDisk>(seed);
    files_ = std::make_unique<SimFiles>(*disk_);
    ASSERT_TRUE(files_->make_folders("/data").ok());
    ASSERT_TRUE(files_->sync_folder("/").ok());
    file_ = files_->open("/data/a", OpenMode::kCreate).value();
    write(*file_, 0, std::string(bytes, '\0'));
    ASSERT_TRUE(file_->sync().ok());
    ASSERT_TRUE(files_->sync_folder("/data").ok());
  }
  void cut_power() {
    file_.reset();
    files_.reset();
    disk_->cut_power();
    files_ = std::make_unique<SimFiles>(*disk_);
  }
  std::string content(const std::string& path = "/data/a") {
    const std::string* found = disk_->content(path);
    return found == nullptr ? "nothing" : *found;
  }

  std::unique_ptr<SimDisk> disk_;
  std::unique_ptr<SimFiles> files_;
  std::unique_ptr<File> file_;
};

TEST_F(SimDiskTest, WhatIsSyncedSurvivesAPowerCut) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    begin(seed);
    write(*file_, 100, "hello");
    ASSERT_TRUE(file_->sync().ok());
    cut_power();
    EXPECT_EQ(content().substr(100, 5), "hello");
    EXPECT_EQ(content().size(), 4096u);
  }
}

TEST_F(SimDiskTest, WhatIsNotSyncedIsLostKeptOrTornInAnyOrder) {
  bool lost = false, kept = false, later_alone = false;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    begin(seed);
    write(*file_, 0, std::string(512, 'a'));
    write(*file_, 2048, std::string(512, 'b'));
    cut_power();
    bool first = content()[0] == 'a';
    bool second = content()[2048] == 'b';
    lost |= !first && !second;
    kept |= first && second;
    later_alone |= second && !first;
  }
  EXPECT_TRUE(lost && kept && later_alone);
}

TEST_F(SimDiskTest, NamesAreLostApartFromContentsUntilTheFolderIsSynced) {
  bool lost = false, kept = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    begin(seed);
    auto other = files_->open("/data/b", OpenMode::kCreate).value();
    write(*other, 0, "b");
    ASSERT_TRUE(other->sync().ok());
    other.reset();
    cut_power();
    lost |= content("/data/b") == "nothing";
    kept |= content("/data/b") == "b";
  }
  EXPECT_TRUE(lost && kept);
}

TEST_F(SimDiskTest, ARenameIsTheOldOrTheNewFile) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    begin(seed, 3);
    auto other = files_->open("/data/a.tmp", OpenMode::kCreate).value();
    write(*other, 0, "new");
    ASSERT_TRUE(other->sync().ok());
    other.reset();
    ASSERT_TRUE(files_->rename("/data/a.tmp", "/data/a").ok());
    cut_power();
    EXPECT_TRUE(content() == "new" || content() == std::string(3, '\0'));
    EXPECT_NE(content(), "nothing");
  }
}

TEST_F(SimDiskTest, AfterASyncThatFailedALaterOneSaysOkAndWritesNothing) {
  bool fooled = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    begin(seed);
    write(*file_, 0, std::string(512, 'a'));
    files_->before = [](SimCall call, const std::string&) {
      return call == SimCall::kSync ? Result<void>(unavailable("no")) : Result<void>();
    };
    EXPECT_FALSE(file_->sync().ok());
    files_->before = nullptr;
    EXPECT_TRUE(file_->sync().ok());
    EXPECT_EQ(files_->syncs_after_failure(), 1u);
    EXPECT_EQ(content()[0], 'a');
    cut_power();
    fooled |= content()[0] != 'a';
  }
  EXPECT_TRUE(fooled);
}

TEST_F(SimDiskTest, AFullDiskTakesWhatThereIsRoomFor) {
  disk_ = std::make_unique<SimDisk>(1, 1000);
  files_ = std::make_unique<SimFiles>(*disk_);
  file_ = files_->open("/a", OpenMode::kCreate).value();
  write(*file_, 0, std::string(600, 'a'));
  disk_->set_foreign_bytes(100);
  std::string more(600, 'b');
  std::string_view pieces[] = {more};
  EXPECT_EQ(file_->write_at(600, pieces).error().code, Code::kFull);
  EXPECT_EQ(content("/a").size(), 900u);
  EXPECT_EQ(files_->space("/").value().available_bytes, 0u);
}

TEST_F(SimDiskTest, AWriteThatFailsHasWrittenAPart) {
  bool none = false, some = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    begin(seed);
    files_->before = [](SimCall, const std::string&) { return Result<void>(full("no")); };
    std::string bytes(10, 'x');
    std::string_view pieces[] = {bytes};
    EXPECT_FALSE(file_->write_at(0, pieces).ok());
    std::size_t written = content().substr(0, 10).find_last_of('x') + 1;
    none |= written == 0;
    some |= written > 0 && written < 10;
  }
  EXPECT_TRUE(none && some);
}

TEST_F(SimDiskTest, FoldersAreListedAndLocksAreHeldOnce) {
  begin(1);
  ASSERT_TRUE(files_->make_folders("/data/log/p0").ok());
  EXPECT_THAT(files_->list("/data").value(), ElementsAre("a", "log"));
  EXPECT_FALSE(files_->list("/nowhere").ok());
  auto lock = files_->lock("/data/LOCK");
  EXPECT_TRUE(lock.ok());
  EXPECT_FALSE(files_->lock("/data/LOCK").ok());
  lock->reset();
  EXPECT_TRUE(files_->lock("/data/LOCK").ok());
}

}  // namespace
}  // namespace millrace
