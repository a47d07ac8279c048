#include "process/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "process/page_for_test.h"
#include "process/sim_parts_for_test.h"

namespace millrace {
namespace {

using testing::HasSubstr;

Checkpoint worked_example() {
  Checkpoint checkpoint;
  checkpoint.generation = Generation(1);
  checkpoint.partition = PartitionId(3);
  checkpoint.epoch = Epoch(2);
  checkpoint.counts = {SequenceNumber(1000), 985, 12, 2, 1, 0x0123456789abcdef};
  checkpoint.owners = {{Epoch(1), SequenceNumber(0)}, {Epoch(2), SequenceNumber(600)}};
  return checkpoint;
}

TEST(Checkpoint, PageShowsTheBytesOfTheExample) {
  std::string bytes = encode_checkpoint(worked_example());
  EXPECT_EQ(as_hex(bytes_in_page("docs/formats/checkpoint.md", "Worked example")), as_hex(bytes));
  Result<Checkpoint> read = decode_checkpoint(bytes);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, worked_example());
}

TEST(Checkpoint, EveryFlippedBitAndEveryCutIsFound) {
  std::string bytes = encode_checkpoint(worked_example());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode_checkpoint(damaged).ok()) << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_checkpoint(bytes.substr(0, size)).ok()) << size;
  }
}

TEST(Checkpoint, NewerVersionIsRefusedWithAClearMessage) {
  std::string bytes = encode_checkpoint(worked_example());
  bytes[4] = 9;
  Result<Checkpoint> read = decode_checkpoint(bytes);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::kInvalid);
  EXPECT_THAT(read.error().message, HasSubstr("format version 9, this program reads up to 1"));
}

// Its checksum fits: whoever wrote it is no Millrace.
TEST(Checkpoint, VersionZeroIsRefusedThoughItsChecksumFits) {
  std::string bytes = encode_checkpoint(worked_example());
  bytes[4] = 0;
  store_le(bytes.data() + bytes.size() - 4, crc32c(std::string_view(bytes).substr(0, bytes.size() - 4)));
  Result<Checkpoint> read = decode_checkpoint(bytes);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr("version 0"));
}

TEST(Checkpoint, IsReplacedAsAWhole) {
  SimMachine machine("/p");
  SimFiles& files = machine.files;
  Checkpoint first = worked_example();
  ASSERT_TRUE(save_checkpoint(files, "/p", first).ok());
  // Whichever call of the second one is the last before power fails, one of the two is there.
  for (int calls = 1; calls < 20; ++calls) {
    std::unique_ptr<SimMachine> copy = machine.copy(static_cast<std::uint64_t>(calls));
    copy->die_at(calls);
    Checkpoint second = first;
    second.counts.position = SequenceNumber(1001);
    ++second.counts.rows;
    bool finished = false;
    try {
      finished = save_checkpoint(copy->files, "/p", second).ok();
    } catch (const SimCrash&) {
    }
    copy->cut_power();
    Result<Checkpoint> found = load_checkpoint(copy->files, "/p", Generation(1), PartitionId(3));
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_TRUE(*found == second || (!finished && *found == first)) << calls;
  }
}

TEST(Checkpoint, OfAnotherLogIsRefused) {
  SimMachine machine("/p");
  SimFiles& files = machine.files;
  ASSERT_TRUE(save_checkpoint(files, "/p", worked_example()).ok());
  EXPECT_EQ(load_checkpoint(files, "/p", Generation(1), PartitionId(4)).error().code, Code::kNotFound);
  EXPECT_EQ(load_checkpoint(files, "/p", Generation(2), PartitionId(3)).error().code, Code::kInvalid);
}

TEST(Checkpoint, OwnersTellWhoseRowCountsWhere) {
  std::vector<Ownership> owners;
  add_owner(owners, {Epoch(1), SequenceNumber(0)}, SequenceNumber(0));
  add_owner(owners, {Epoch(2), SequenceNumber(10)}, SequenceNumber(0));
  add_owner(owners, {Epoch(3), SequenceNumber(10)}, SequenceNumber(0));
  add_owner(owners, {Epoch(5), SequenceNumber(20)}, SequenceNumber(0));
  EXPECT_EQ(owner_of(owners, SequenceNumber(9)), Epoch(1));
  EXPECT_EQ(owner_of(owners, SequenceNumber(10)), Epoch(3));
  EXPECT_EQ(owner_of(owners, SequenceNumber(25)), Epoch(5));
  add_owner(owners, {Epoch(6), SequenceNumber(15)}, SequenceNumber(12));
  EXPECT_EQ(owners, (std::vector<Ownership>{{Epoch(3), SequenceNumber(10)}, {Epoch(6), SequenceNumber(15)}}));
}

TEST(Checkpoint, DumpIsReadable) {
  SimMachine machine("/p");
  SimFiles& files = machine.files;
  ASSERT_TRUE(save_checkpoint(files, "/p", worked_example()).ok());
  Result<std::string> text = dump_checkpoint(files, "/p/checkpoint-p3");
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text,
            R"({"generation":1,"partition":3,"epoch":2,"position":1000,"rows":985,"repeats":12,"failed":2,"lost":1,)"
            R"("hash":"0123456789abcdef","owners":[{"epoch":1,"first":0},{"epoch":2,"first":600}]})");
}

}  // namespace
}  // namespace millrace
