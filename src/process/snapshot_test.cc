#include "process/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "process/page_for_test.h"
#include "process/sim_parts_for_test.h"
#include "process/snapshot_codec.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() {
    limits_.chunk_ids = 4;
    limits_.ids_max = 12;
    state_.emplace(FoldState{IdHasher(std::string(kIdSecretBytes, 'k')), IdTable(limits_), Gaps()});
  }
  void remember(std::uint64_t ids) {
    for (std::uint64_t i = 0; i < ids; ++i, ++next_) {
      state_->ids.forget(static_cast<TimeNs>(next_));
      state_->ids.repeat({next_ * 77, next_ * 99}, SequenceNumber(next_), static_cast<TimeNs>(next_));
    }
  }
  Checkpoint at(std::uint64_t position) {
    return {Generation(1), kPartition, Epoch(1), {SequenceNumber(position), position, 0, 0, 0, 5}, {}};
  }
  SnapshotFolder folder() { return {files_, "/p", Generation(1), kPartition}; }
  std::vector<std::string> names() { return files_.list("/p").value(); }
  void damage(const std::string& name) {
    std::string bytes = read_file(files_, "/p/" + name, 1 << 20).value();
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    ASSERT_TRUE(replace_file(files_, "/p/" + name, bytes).ok());
  }

  static constexpr PartitionId kPartition{0};
  IdLimits limits_;
  SimMachine machine_{"/p"};
  SimFiles& files_ = machine_.files;
  std::optional<FoldState> state_;
  std::uint64_t next_ = 0;
};

TEST_F(SnapshotTest, ComesBackAsItWas) {
  remember(10);
  state_->gaps.add({SequenceNumber(3), SequenceNumber(5)});
  SnapshotFolder writer = folder();
  ASSERT_TRUE(writer.save(at(10), *state_).ok());
  SnapshotFolder reader = folder();
  std::optional<Snapshot> read = std::move(reader.load()).value();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->checkpoint, at(10));
  EXPECT_EQ(read->state.hasher.secret(), std::string(kIdSecretBytes, 'k'));
  EXPECT_EQ(read->state.ids.limits(), limits_);
  EXPECT_TRUE(read->state.gaps.contains(SequenceNumber(4)));
  ASSERT_EQ(read->state.ids.size(), 10u);
  // Both go on to decide the same, chunk borders and all.
  for (std::uint64_t i = 0; i < 40; ++i) {
    Fingerprint id{i % 23 * 77, i % 23 * 99};
    TimeNs received = 100 + static_cast<TimeNs>(i);
    state_->ids.forget(received);
    read->state.ids.forget(received);
    EXPECT_EQ(state_->ids.repeat(id, SequenceNumber(100 + i), received),
              read->state.ids.repeat(id, SequenceNumber(100 + i), received));
  }
}

TEST_F(SnapshotTest, SealedChunksAreWrittenOnceAndRemovedWhenForgotten) {
  SnapshotFolder writer = folder();
  remember(9);
  ASSERT_TRUE(writer.save(at(9), *state_).ok());
  EXPECT_THAT(names(), ElementsAre("ids-p0-000000000000", "ids-p0-000000000001", "snapshot-p0-000000000001"));
  // Every file is written by opening it anew: count what the second snapshot opens.
  int calls = 0;
  files_.before = [&calls](SimCall, const std::string&) { return ++calls, Result<void>(); };
  ASSERT_TRUE(writer.save(at(9), *state_).ok());
  EXPECT_LT(calls, 20);
  files_.before = nullptr;
  remember(40);
  ASSERT_TRUE(writer.save(at(49), *state_).ok());
  ASSERT_TRUE(writer.save(at(49), *state_).ok());
  std::vector<std::string> left = names();
  EXPECT_THAT(left, testing::Not(testing::Contains("ids-p0-000000000000")));
  EXPECT_THAT(left, testing::Contains("snapshot-p0-000000000004"));
  EXPECT_THAT(left, testing::Not(testing::Contains("snapshot-p0-000000000002")));
  EXPECT_TRUE(folder().load().value());
}

TEST_F(SnapshotTest, DamagedOneIsPassedOverLoudly) {
  SnapshotFolder writer = folder();
  remember(3);
  ASSERT_TRUE(writer.save(at(3), *state_).ok());
  remember(3);
  ASSERT_TRUE(writer.save(at(6), *state_).ok());
  damage("snapshot-p0-000000000002");
  SnapshotFolder reader = folder();
  std::optional<Snapshot> read = std::move(reader.load()).value();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->checkpoint.counts.position.value, 3u);
  EXPECT_THAT(reader.complaints(), ElementsAre(HasSubstr("snapshot-p0-000000000002")));
  damage("ids-p0-000000000000");  // named by the second alone
  damage("snapshot-p0-000000000001");
  EXPECT_FALSE(folder().load().value());
}

TEST_F(SnapshotTest, ChunkOfAnotherHistoryIsNotTaken) {
  SnapshotFolder writer = folder();
  remember(5);
  ASSERT_TRUE(writer.save(at(5), *state_).ok());
  IdChunk other = state_->ids.chunks().front();
  other.entries[0].sequence = 77;
  ASSERT_TRUE(replace_file(files_, "/p/ids-p0-000000000000", encode_id_chunk(other, kPartition)).ok());
  SnapshotFolder reader = folder();
  EXPECT_FALSE(reader.load().value());
  EXPECT_THAT(reader.complaints(), ElementsAre(HasSubstr("not the one that the snapshot names")));
}

TEST_F(SnapshotTest, PowerCutAtAnyCallLeavesAWholeOne) {
  SnapshotFolder writer = folder();
  remember(6);
  ASSERT_TRUE(writer.save(at(6), *state_).ok());
  for (int calls = 1; calls < 60; ++calls) {
    std::unique_ptr<SimMachine> copy = machine_.copy(static_cast<std::uint64_t>(calls));
    IdTable ids(limits_);
    for (IdChunk chunk : state_->ids.chunks()) {
      ids.restore(chunk);
    }
    ids.restore_position(state_->ids.next_chunk(), state_->ids.newest_received());
    FoldState later{IdHasher(state_->hasher.secret()), std::move(ids), state_->gaps};
    for (std::uint64_t i = 6; i < 14; ++i) {
      later.ids.repeat({i * 77, i * 99}, SequenceNumber(i), static_cast<TimeNs>(i));
    }
    SnapshotFolder other(copy->files, "/p", Generation(1), kPartition);
    ASSERT_TRUE(other.load().value());
    copy->die_at(calls);
    try {
      (void)other.save(at(14), later).ok();
    } catch (const SimCrash&) {
    }
    copy->cut_power();
    SnapshotFolder reader(copy->files, "/p", Generation(1), kPartition);
    std::optional<Snapshot> found = std::move(reader.load()).value();
    ASSERT_TRUE(found) << calls;
    EXPECT_EQ(found->state.ids.size(), found->checkpoint.counts.position.value) << calls;
    EXPECT_THAT(reader.complaints(), IsEmpty());
  }
}

TEST_F(SnapshotTest, SectionsOfUnknownKindAreSkipped) {
  SnapshotFolder writer = folder();
  ASSERT_TRUE(writer.save(at(0), *state_).ok());
  std::string bytes = read_file(files_, "/p/snapshot-p0-000000000001", 1 << 20).value();
  bytes.resize(bytes.size() - 4);
  append_le(bytes, std::uint32_t{4711});
  append_le(bytes, std::uint64_t{3});
  bytes += "abc";
  append_le(bytes, crc32c(bytes));
  EXPECT_TRUE(decode_snapshot(bytes).ok());
}

TEST_F(SnapshotTest, NewerVersionAndOtherGenerationAreRefused) {
  SnapshotFolder writer = folder();
  ASSERT_TRUE(writer.save(at(0), *state_).ok());
  EXPECT_EQ(SnapshotFolder(files_, "/p", Generation(2), kPartition).load().error().code, Code::kInvalid);
  std::string bytes = read_file(files_, "/p/snapshot-p0-000000000001", 1 << 20).value();
  bytes[4] = 7;
  ASSERT_TRUE(replace_file(files_, "/p/snapshot-p0-000000000001", bytes).ok());
  Result<std::optional<Snapshot>> read = folder().load();
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr("format version 7"));
}

TEST(IdChunk, PageShowsTheBytesOfTheExample) {
  IdChunk chunk;
  chunk.number = 5;
  chunk.oldest_received = 1'332'051'369'000'000'000;
  chunk.newest_received = 1'332'051'369'000'000'001;
  chunk.entries = {{{0x1111111111111111, 0x2222222222222222}, 640}, {{0x3333333333333333, 0x4444444444444444}, 641}};
  std::string bytes = encode_id_chunk(chunk, PartitionId(1));
  EXPECT_EQ(as_hex(bytes_in_page("docs/formats/snapshot.md", "Worked example")), as_hex(bytes));
  auto crc = load_le<std::uint32_t>(bytes.data() + bytes.size() - 4);
  EXPECT_TRUE(decode_id_chunk(bytes, PartitionId(1), 5, crc).ok());
  EXPECT_FALSE(decode_id_chunk(bytes, PartitionId(0), 5, crc).ok());
  EXPECT_FALSE(decode_id_chunk(bytes, PartitionId(1), 6, crc).ok());
}

TEST(IdChunk, VersionZeroIsRefusedThoughItsChecksumFits) {
  std::string bytes = encode_id_chunk(IdChunk{}, PartitionId(0));
  bytes[4] = 0;
  std::uint32_t crc = crc32c(std::string_view(bytes).substr(0, bytes.size() - 4));
  store_le(bytes.data() + bytes.size() - 4, crc);
  EXPECT_EQ(decode_id_chunk(bytes, PartitionId(0), 0, crc).error().code, Code::kCorrupt);
}

TEST_F(SnapshotTest, EveryFlippedBitIsFound) {
  remember(5);
  SnapshotBytes raw{at(5), {}, {}};
  raw.ids.secret = std::string(kIdSecretBytes, 's');
  raw.ids.limits = limits_;
  raw.ids.open = state_->ids.chunks().back();
  std::string bytes = encode_snapshot(raw);
  ASSERT_TRUE(decode_snapshot(bytes).ok());
  for (std::size_t at_byte = 0; at_byte < bytes.size(); ++at_byte) {
    std::string damaged = bytes;
    damaged[at_byte] = static_cast<char>(damaged[at_byte] ^ 0x10);
    EXPECT_FALSE(decode_snapshot(damaged).ok()) << at_byte;
    EXPECT_FALSE(decode_snapshot(bytes.substr(0, at_byte)).ok()) << at_byte;
  }
}

}  // namespace
}  // namespace millrace
