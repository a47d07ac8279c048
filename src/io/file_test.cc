#include "io/file.h"

#include <cerrno>
#include <climits>

#include <gtest/gtest.h>
#include <unistd.h>

#include "io/fault.h"
#include "io/posix/write_all.h"
#include "io/test_folder.h"

namespace millrace {
namespace {

class FileTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }

  TestFolder folder_;
  FileSystem& files_ = posix_file_system();
};

TEST_F(FileTest, PiecesAreWrittenOneBehindTheOtherAndReadBack) {
  auto file = files_.open(path("a"), OpenMode::kCreate).value();
  std::string_view pieces[] = {"one", "", "two", "three"};
  ASSERT_TRUE(file->write_at(5, pieces).ok());
  ASSERT_TRUE(file->sync().ok());
  EXPECT_EQ(file->size().value(), 16u);
  char bytes[64];
  EXPECT_EQ(file->read_at(5, bytes, sizeof bytes).value(), 11u);
  EXPECT_EQ(std::string(bytes, 11), "onetwothree");
  EXPECT_EQ(file->read_at(100, bytes, sizeof bytes).value(), 0u);
  ASSERT_TRUE(file->truncate(8).ok());
  EXPECT_EQ(file->size().value(), 8u);
}

TEST_F(FileTest, MorePiecesThanOneCallTakes) {
  auto file = files_.open(path("a"), OpenMode::kCreate).value();
  std::vector<std::string> texts;
  std::string all;
  for (int i = 0; i < 3 * IOV_MAX + 7; ++i) {
    all += texts.emplace_back(std::to_string(i));
  }
  std::vector<std::string_view> pieces(texts.begin(), texts.end());
  ASSERT_TRUE(file->write_at(0, pieces).ok());
  EXPECT_EQ(read_file(files_, path("a"), 1 << 20).value(), all);
}

TEST_F(FileTest, ErrorsTellWhatToDoAndWhichFile) {
  Result<std::unique_ptr<File>> missing = files_.open(path("missing"), OpenMode::kRead);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_NE(missing.error().message.find(path("missing")), std::string::npos);
  ASSERT_TRUE(files_.open(path("there"), OpenMode::kCreate).ok());
  EXPECT_FALSE(files_.open(path("there"), OpenMode::kCreate).ok());
  EXPECT_EQ(files_.remove(path("missing")).error().code, Code::kNotFound);
}

TEST_F(FileTest, AFullDiskIsToldFromABrokenOne) {
  auto full_device = files_.open("/dev/full", OpenMode::kReadWrite);
  ASSERT_TRUE(full_device.ok());
  std::string_view pieces[] = {"x"};
  Result<void> written = (*full_device)->write_at(0, pieces);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, Code::kFull);
}

TEST_F(FileTest, FoldersAreMadeWithTheirParentsAndListedInOrder) {
  ASSERT_TRUE(files_.make_folders(path("a/b/c")).ok());
  ASSERT_TRUE(files_.make_folders(path("a/b/c")).ok());
  ASSERT_TRUE(replace_file(files_, path("a/z"), "").ok());
  ASSERT_TRUE(files_.sync_folder(path("a")).ok());
  EXPECT_EQ(files_.list(path("a")).value(), (std::vector<std::string>{"b", "z"}));
  EXPECT_FALSE(files_.make_folders(path("a/z/y")).ok());
}

TEST_F(FileTest, ASecondLockIsRefusedWithThePathUntilTheFirstIsGone) {
  auto first = files_.lock(path("LOCK"));
  ASSERT_TRUE(first.ok());
  auto second = files_.lock(path("LOCK"));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kUnavailable);
  EXPECT_NE(second.error().message.find(path("LOCK")), std::string::npos);
  EXPECT_NE(second.error().message.find("another millrace"), std::string::npos);
  first->reset();
  EXPECT_TRUE(files_.lock(path("LOCK")).ok());
}

TEST_F(FileTest, AFileThatIsTooLargeIsNotRead) {
  ASSERT_TRUE(replace_file(files_, path("a"), "12345").ok());
  EXPECT_EQ(read_file(files_, path("a"), 5).value(), "12345");
  EXPECT_EQ(read_file(files_, path("a"), 4).error().code, Code::kInvalid);
}

TEST_F(FileTest, AReplacedFileIsOldOrNewWhicheverCallFails) {
  for (FaultCall call :
       {FaultCall::kOpen, FaultCall::kWrite, FaultCall::kSync, FaultCall::kRename, FaultCall::kSyncFolder}) {
    ASSERT_TRUE(replace_file(files_, path("a"), "old").ok());
    FaultFileSystem faults(files_);
    faults.fail(call, 1);
    EXPECT_FALSE(replace_file(faults, path("a"), "new").ok());
    std::string found = read_file(files_, path("a"), 100).value();
    EXPECT_EQ(found, call == FaultCall::kSyncFolder ? "new" : "old");
    ASSERT_TRUE(replace_file(faults, path("a"), "newer").ok());
    EXPECT_EQ(read_file(files_, path("a"), 100).value(), "newer");
  }
}

TEST_F(FileTest, SpaceIsTold) {
  DiskSpace space = files_.space(folder_.path()).value();
  EXPECT_GT(space.total_bytes, 0u);
  EXPECT_LE(space.available_bytes, space.total_bytes);
}

// The kernel may take any part of a write, and be interrupted before it.
TEST(WriteAllTest, ShortWritesAndInterruptionsAreGoneOnWith) {
  for (std::size_t step = 1; step < 12; ++step) {
    std::string file(32, '.');
    int calls = 0;
    std::vector<std::string_view> pieces = {"abc", "", "defgh", "i", "jklmnopq"};
    int failed = write_all(
        [&](const iovec* vectors, int count, std::uint64_t offset) -> ssize_t {
          if (++calls % 2 == 1) {
            errno = EINTR;
            return -1;
          }
          std::string bytes;
          for (int i = 0; i < count; ++i) {
            bytes.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
          }
          bytes.resize(std::min(bytes.size(), step));
          file.replace(offset, bytes.size(), bytes);
          return static_cast<ssize_t>(bytes.size());
        },
        4, pieces);
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(file.substr(0, 23), "....abcdefghijklmnopq..");
  }
}

TEST(WriteAllTest, AnErrorAndAWriteOfNothingEndIt) {
  std::vector<std::string_view> pieces = {"abc"};
  EXPECT_EQ(write_all([](const iovec*, int, std::uint64_t) -> ssize_t { return errno = ENOSPC, -1; }, 0, pieces),
            ENOSPC);
  EXPECT_EQ(write_all([](const iovec*, int, std::uint64_t) -> ssize_t { return 0; }, 0, pieces), EIO);
}

}  // namespace
}  // namespace millrace
