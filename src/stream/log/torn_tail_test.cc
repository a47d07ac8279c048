// The last segment of a log that wasn't closed, cut and spoiled at every byte.

#include "stream/log/log_test_support.h"
#include "stream/log/recovery.h"
#include "stream/log/segment_scan.h"

namespace millrace {
namespace {

// A file in memory, for scans by the thousand.
class StringFile final : public File {
 public:
  explicit StringFile(std::string content) : content_(std::move(content)) {}
  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    offset = std::min<std::uint64_t>(offset, content_.size());
    return content_.copy(into, size, static_cast<std::size_t>(offset));
  }
  Result<std::uint64_t> size() override { return content_.size(); }
  Result<void> write_at(std::uint64_t, std::span<const std::string_view>) override { return invalid("read only"); }
  Result<void> sync() override { return invalid("read only"); }
  Result<void> truncate(std::uint64_t) override { return invalid("read only"); }
  Result<void> sync_file_system() override { return invalid("read only"); }

 private:
  std::string content_;
};

constexpr SegmentIdentity kIdentity{Generation(1), PartitionId(0), 7};

struct Built {
  std::string bytes;
  std::vector<std::uint64_t> ends;  // where each frame ends
};

void add_frame(Built& built, const FrameFields& fields, std::string_view payload) {
  char header[kFrameHeaderBytes];
  encode_frame_header(header, kIdentity, built.bytes.size(), fields, payload);
  built.bytes.append(header, sizeof header).append(payload);
  built.bytes.resize((built.bytes.size() + 7) / 8 * 8);
  built.ends.push_back(built.bytes.size());
}

// Records of growing size; each was written in a group of its own, after the ones before were durable.
Built build_segment(std::uint64_t bytes) {
  Built built;
  built.bytes = encode_segment_header({kIdentity, SequenceNumber(0), 0});
  for (std::uint64_t i = 0; built.bytes.size() < bytes; ++i) {
    add_frame(built, {SequenceNumber(i), 1, FrameKind::kRecord, 100, SequenceNumber(i)}, payload_of(i, 20 + i % 300));
  }
  return built;
}

SegmentScan scan_and_cut(const std::string& bytes, std::uint64_t limit) {
  StringFile file(bytes);
  SegmentCursor cursor(file, kIdentity, limit);
  SegmentScan scan = scan_segment(cursor, {SequenceNumber(0)}, {}).value();
  cut_torn_tail(scan, SequenceNumber(0));
  return scan;
}

TEST(TornTailTest, ASegmentCutAtAnyByteGivesItsWholeRecords) {
  Built built = build_segment(70 << 10);
  StringFile file(built.bytes);
  for (std::uint64_t cut = built.bytes.size() - (64 << 10); cut <= built.bytes.size(); ++cut) {
    auto whole = std::upper_bound(built.ends.begin(), built.ends.end(), cut) - built.ends.begin();
    SegmentCursor cursor(file, kIdentity, cut);
    // From one of the last whole frames on, so that 65,536 cuts take seconds.
    std::size_t from = whole > 3 ? static_cast<std::size_t>(whole) - 3 : 0;
    Result<std::optional<Frame>> frame = cursor.find(from == 0 ? kSegmentHeaderBytes : built.ends[from - 1],
                                                     SequenceNumber(from), SequenceNumber(UINT64_MAX));
    SequenceNumber next(from);
    while (frame.ok() && *frame) {
      ASSERT_EQ((*frame)->fields.first, next);
      next = (*frame)->fields.end();
      frame = cursor.at((*frame)->offset + (*frame)->bytes);
    }
    ASSERT_EQ(next.value, static_cast<std::uint64_t>(whole)) << "cut at " << cut;
  }
}

TEST(TornTailTest, AWholeScanOfACutSegmentAgrees) {
  Built built = build_segment(70 << 10);
  for (std::uint64_t cut = kSegmentHeaderBytes; cut <= built.bytes.size(); cut += 173) {
    auto whole = std::upper_bound(built.ends.begin(), built.ends.end(), cut) - built.ends.begin();
    SegmentScan scan = scan_and_cut(built.bytes, cut);
    ASSERT_EQ(scan.end.value, static_cast<std::uint64_t>(whole)) << "cut at " << cut;
    ASSERT_TRUE(scan.holes.empty());
  }
}

TEST(TornTailTest, WhateverLiesBehindTheLastRecordIsNoRecord) {
  Built built = build_segment(10 << 10);
  std::uint64_t records = built.ends.size();
  std::string another = build_segment(20 << 10).bytes.substr(kSegmentHeaderBytes, 4096);  // frames at wrong places
  std::string garbage;
  for (int i = 0; i < 5000; ++i) {
    garbage += static_cast<char>(i * 2654435761u >> 24);
  }
  Built more = built;
  add_frame(more, {SequenceNumber(records), 1, FrameKind::kRecord, 100, SequenceNumber(records)}, "the next record");
  std::string half_header = more.bytes.substr(built.bytes.size(), 20);
  std::string no_payload = more.bytes.substr(built.bytes.size(), kFrameHeaderBytes) + std::string(16, '\0');
  for (const std::string& tail : {std::string(8192, '\0'), garbage, half_header, no_payload, another,
                                  std::string(4096, '\xff'), half_header + std::string(8192, '\0')}) {
    SegmentScan scan = scan_and_cut(built.bytes + tail, built.bytes.size() + tail.size());
    EXPECT_EQ(scan.end.value, records);
    EXPECT_EQ(scan.end_offset, built.bytes.size());
    EXPECT_TRUE(scan.holes.empty());
  }
}

// A group of records is written at once; a crash may keep any of its pages.
TEST(TornTailTest, AHoleInTheLastGroupIsTornAndInAnEarlierOneIsDamage) {
  Built built;
  built.bytes = encode_segment_header({kIdentity, SequenceNumber(0), 0});
  for (std::uint64_t i = 0; i < 20; ++i) {
    // Groups: 0–9, 10–14, 15–19.
    std::uint64_t durable = i < 10 ? 0 : i < 15 ? 10 : 15;
    add_frame(built, {SequenceNumber(i), 1, FrameKind::kRecord, 100, SequenceNumber(durable)}, payload_of(i));
  }
  for (std::uint64_t spoiled = 0; spoiled < 20; ++spoiled) {
    std::string bytes = built.bytes;
    bytes[built.ends[spoiled] - 20] ^= 1;
    SegmentScan scan = scan_and_cut(bytes, bytes.size());
    if (spoiled >= 15) {
      EXPECT_EQ(scan.end.value, spoiled);
      EXPECT_TRUE(scan.holes.empty());
    } else {
      EXPECT_EQ(scan.end.value, 20u);
      ASSERT_EQ(scan.holes.size(), 1u);
      EXPECT_EQ(scan.holes[0].range, (SequenceRange{SequenceNumber(spoiled), SequenceNumber(spoiled + 1)}));
    }
  }
}

class TornLogTest : public LogFixture {};

TEST_F(TornLogTest, TornTailIsDroppedAndReported) {
  open();
  append_many(100);
  crash();
  std::string path = segments().back();
  std::string whole = slurp(path);
  // A record that was under way: its first half is there.
  SegmentIdentity identity{Generation(1), PartitionId(0), *parse_segment_name(path.substr(path.size() - 20), ".seg")};
  StringFile file(whole);
  SegmentCursor cursor(file, identity, whole.size());
  SegmentScan scan = scan_segment(cursor, {SequenceNumber(0)}, {}).value();
  char header[kFrameHeaderBytes];
  encode_frame_header(header, identity, scan.end_offset,
                      {SequenceNumber(100), 1, FrameKind::kRecord, clock_.wall(), SequenceNumber(100)},
                      payload_of(100));
  whole.replace(scan.end_offset, sizeof header, header, sizeof header);
  spill(path, whole);
  Metrics metrics;
  DamageLog damage(posix_file_system(), metrics, partition_folder());
  RecoveredPartition recovered = recover_partition({posix_file_system(), damage, Generation(1), PartitionId(0),
                                                    partition_folder(), options_.segment_bytes, SequenceNumber(0)})
                                     .value();
  EXPECT_EQ(recovered.end, SequenceNumber(100));
  EXPECT_GT(recovered.torn_bytes, 0u);
  EXPECT_EQ(metrics.get(Metric::kStreamDamagedBytes), 0);
  open();
  EXPECT_EQ(read_all().events, 100u);
  append_many(100);
  EXPECT_EQ(read_all().events, 200u);
}

TEST_F(TornLogTest, TheWholeLogOpensWhereverItsLastSegmentIsCut) {
  open();
  append_many(60);
  crash();
  std::string path = segments().back();
  std::string whole = slurp(path);
  std::uint64_t last_events = 0;
  for (std::size_t cut = kSegmentHeaderBytes; cut < 11'000; cut += 257) {
    std::filesystem::copy(options_.folder, options_.folder + "-copy", std::filesystem::copy_options::recursive);
    std::string kept = options_.folder;
    options_.folder += "-copy";
    std::string copied = partition_folder() + path.substr(path.rfind('/'));
    spill(copied, std::string_view(whole).substr(0, cut));
    open();
    ReadBack back = read_all();
    EXPECT_GE(back.events, last_events);
    EXPECT_LE(back.events, 60u);
    EXPECT_EQ(back.damaged, 0u);
    last_events = back.events;
    append_many(3);
    EXPECT_EQ(read_all().events, back.events + 3);
    close();
    std::filesystem::remove_all(options_.folder);
    options_.folder = kept;
  }
  EXPECT_EQ(last_events, 60u);
}

TEST_F(TornLogTest, AStartThatDiesWhileItMendsIsRepeated) {
  open();
  append_many(100);
  crash();
  // Every call of the mending fails once: the next start finds all records.
  for (FaultCall call : {FaultCall::kOpen, FaultCall::kWrite, FaultCall::kSync, FaultCall::kRename,
                         FaultCall::kSyncFolder, FaultCall::kRead, FaultCall::kRemove}) {
    for (std::uint64_t nth = 1; nth < 6; ++nth) {
      FaultFileSystem faults(posix_file_system());
      faults.fail(call, nth);
      Metrics metrics;
      Result<std::unique_ptr<Stream>> stream = open_log_stream(faults, clock_, metrics, options_);
      faults.unplug();
      if (stream.ok()) {
        stream->reset();
      }
      open();
      EXPECT_EQ(read_all().events, 100u);
      crash();
    }
  }
}

}  // namespace
}  // namespace millrace
