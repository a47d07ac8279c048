// Bytes of a closed log that change under it: all found, set aside, and reading goes on behind them.

#include <random>

#include "stream/dump.h"
#include "stream/log/log_test_support.h"
#include "stream/verify.h"

namespace millrace {
namespace {

class DamageTest : public LogFixture {
 protected:
  // A closed log of some segments.
  void build(int events) {
    open();
    append_many(events, 100);
    close();
    for (const std::string& path : segments()) {
      originals_[path] = slurp(path);
    }
    events_ = static_cast<std::uint64_t>(events);
  }
  // Where the frames of a segment end: bytes behind it mean nothing.
  std::uint64_t end_of(const std::string& path) {
    std::uint64_t end = 0;
    EXPECT_TRUE(dump_segment(posix_file_system(), path, [&end](const SegmentDumpEntry& entry) {
                  end = entry.offset + entry.bytes;
                }).ok());
    return end;
  }
  void restore() {
    for (const auto& [path, bytes] : originals_) {
      spill(path, bytes);
    }
  }
  LogReport verify() { return verify_log(posix_file_system(), options_.folder, Generation(1)).value(); }

  std::map<std::string, std::string> originals_;
  std::uint64_t events_ = 0;
};

TEST_F(DamageTest, AWholeLogHasNoProblems) {
  build(500);
  LogReport report = verify();
  EXPECT_TRUE(report.problems.empty());
  ASSERT_EQ(report.partitions.size(), 1u);
  EXPECT_EQ(report.partitions[0].events, 500u);
  EXPECT_EQ(report.partitions[0].range, (SequenceRange{SequenceNumber(0), SequenceNumber(500)}));
}

TEST_F(DamageTest, EveryFlippedBitIsFound) {
  build(300);
  std::mt19937_64 random(20);
  std::vector<std::string> paths;
  std::vector<std::uint64_t> ends;
  for (const auto& [path, bytes] : originals_) {
    paths.push_back(path);
    ends.push_back(end_of(path));
  }
  for (int i = 0; i < 10'000; ++i) {
    std::size_t which = random() % paths.size();
    std::uint64_t at = random() % ends[which];
    std::string bytes = originals_[paths[which]];
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << random() % 8);
    spill(paths[which], bytes);
    LogReport report = verify();
    ASSERT_FALSE(report.problems.empty()) << paths[which] << " at " << at;
    ASSERT_GE(report.partitions[0].events, events_ - 1);
    spill(paths[which], originals_[paths[which]]);
  }
}

TEST_F(DamageTest, ReadingGoesOnBehindDamageAndEveryHoleIsShown) {
  build(600);
  std::mt19937_64 random(21);
  constexpr std::uint64_t kBlock = 4096;
  for (int round = 0; round < 150; ++round) {
    // In every segment but the last, whose tail nothing comes after.
    std::vector<std::string> paths = segments();
    std::string path = paths[random() % (paths.size() - 1)];
    std::string bytes = originals_[path];
    std::uint64_t block = 1 + random() % (bytes.size() / kBlock - 2);
    std::uint64_t other = 1 + random() % (bytes.size() / kBlock - 2);
    switch (round % 4) {
      case 0:
        for (int i = 0; i < 10; ++i) {
          bytes[kSegmentHeaderBytes + random() % (bytes.size() - 2 * kSegmentHeaderBytes)] ^= 1;
        }
        break;
      case 1:
        bytes.replace(block * kBlock, kBlock, kBlock, '\0');
        break;
      case 2:
        other = other == block ? block % 2 + 1 : other;
        std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(block * kBlock),
                         bytes.begin() + static_cast<std::ptrdiff_t>((block + 1) * kBlock),
                         bytes.begin() + static_cast<std::ptrdiff_t>(other * kBlock));
        break;
      case 3:  // a block of an older segment, as a lost write in a recycled file leaves it
        bytes.replace(block * kBlock, kBlock, originals_[paths.front() == path ? paths[1] : paths.front()],
                      block * kBlock, kBlock);
        break;
    }
    spill(path, bytes);
    LogReport report = verify();
    EXPECT_FALSE(report.problems.empty());
    open();
    ReadBack back = read_all();
    EXPECT_EQ(back.events + back.damaged, events_);
    EXPECT_GT(back.damaged, 0u);
    EXPECT_LT(back.damaged, 120u);  // two blocks of records of 140 bytes, and those that reach into them
    EXPECT_EQ(report.partitions[0].events, back.events);
    EXPECT_GT(metrics_->get(Metric::kStreamDamagedBytes), 0);
    EXPECT_FALSE(std::filesystem::is_empty(partition_folder() + "/damaged"));
    std::int64_t counted = metrics_->get(Metric::kStreamDamagedBytes);
    EXPECT_EQ(read_all().damaged, back.damaged);
    EXPECT_EQ(metrics_->get(Metric::kStreamDamagedBytes), counted);  // once, however often it is read
    crash();
    std::filesystem::remove_all(partition_folder() + "/damaged");
    restore();
  }
}

TEST_F(DamageTest, DamageInTheLastSegmentIsToldFromATornTailAfterACrash) {
  open();
  append_many(60);
  crash();
  std::string path = segments().back();
  std::string bytes = slurp(path);
  bytes[kSegmentHeaderBytes + 50] ^= 1;  // of the first record: later ones say that it was durable
  spill(path, bytes);
  open();
  ReadBack back = read_all();
  EXPECT_EQ(back.events, 59u);
  ASSERT_EQ(back.holes.size(), 1u);
  EXPECT_EQ(back.holes[0], (SequenceRange{SequenceNumber(0), SequenceNumber(1)}));
  EXPECT_GT(metrics_->get(Metric::kStreamDamagedBytes), 0);
}

TEST_F(DamageTest, ADamagedHeaderLosesNoRecord) {
  build(500);
  for (const std::string& path : segments()) {
    std::string bytes = originals_[path];
    bytes.replace(0, kSegmentHeaderBytes, kSegmentHeaderBytes, '\xee');
    spill(path, bytes);
    EXPECT_FALSE(verify().problems.empty());
    open();
    EXPECT_EQ(read_all().events, 500u) << path;
    EXPECT_EQ(metrics_->get(Metric::kStreamDamagedBytes), static_cast<std::int64_t>(kSegmentHeaderBytes));
    crash();
    restore();
  }
}

TEST_F(DamageTest, ASegmentThatIsGoneOrAllZerosIsAHole) {
  build(500);
  std::string path = segments()[1];
  for (bool gone : {true, false}) {
    gone ? (void)std::filesystem::remove(path) : spill(path, std::string(originals_[path].size(), '\0'));
    EXPECT_FALSE(verify().problems.empty());
    open();
    ReadBack back = read_all();
    EXPECT_GT(back.damaged, 50u);
    EXPECT_EQ(back.holes.size(), 1u);
    EXPECT_EQ(back.events + back.damaged, 500u);
    crash();
    restore();
  }
}

TEST_F(DamageTest, ADumpShowsEveryByteOfASegment) {
  build(200);
  std::string path = segments().front();
  std::string bytes = originals_[path];
  bytes[kSegmentHeaderBytes + 150] ^= 1;  // in the second record
  spill(path, bytes);
  std::uint64_t at = 0;
  std::uint64_t records = 0;
  std::uint64_t holes = 0;
  bool footer = false;
  ASSERT_TRUE(dump_segment(posix_file_system(), path, [&](const SegmentDumpEntry& entry) {
                EXPECT_EQ(entry.offset, at);
                at = entry.offset + entry.bytes;
                records += entry.kind == SegmentDumpEntry::Kind::kRecord;
                holes += entry.kind == SegmentDumpEntry::Kind::kHole;
                footer = entry.kind == SegmentDumpEntry::Kind::kFooter;
              }).ok());
  EXPECT_GT(records, 50u);
  EXPECT_EQ(holes, 1u);
  EXPECT_TRUE(footer);
}

}  // namespace
}  // namespace millrace
