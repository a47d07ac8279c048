#include "store/clickhouse/ownership.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace millrace::clickhouse {
namespace {

TEST(Ownership, RowsOfOlderEpochsFromTheTakeoverOnAreLeftOut) {
  RecordedTakeover a{Generation(1), {PartitionId(2), Epoch(3), SequenceNumber(40)}, false, true};
  RecordedTakeover b{Generation(1), {PartitionId(0), Epoch(5), SequenceNumber(7)}, false, true};
  EXPECT_EQ(owned_rows({}), "");
  EXPECT_EQ(owned_rows({a, b}),
            "NOT (generation = 1 AND `partition` = 2 AND epoch < 3 AND sequence >= 40) AND "
            "NOT (generation = 1 AND `partition` = 0 AND epoch < 5 AND sequence >= 7)");
}

TEST(Ownership, ListIsReadFromRowBinary) {
  std::string body;
  append_le(body, std::uint32_t{1});
  append_le(body, std::uint16_t{2});
  append_le(body, std::uint32_t{3});
  append_le(body, std::uint64_t{40});
  append_le(body, std::uint8_t{1});
  append_le(body, std::uint8_t{0});
  append_le(body, std::uint64_t{77});
  auto takeovers = parse_takeovers(body);
  ASSERT_TRUE(takeovers.ok());
  ASSERT_EQ(takeovers->size(), 1u);
  EXPECT_EQ((*takeovers)[0].takeover.first, SequenceNumber(40));
  EXPECT_TRUE((*takeovers)[0].swept);
  EXPECT_FALSE((*takeovers)[0].recent);
  EXPECT_EQ((*takeovers)[0].takeover.claim, 77u);
  EXPECT_FALSE(parse_takeovers(body.substr(1)).ok());
}

TEST(Ownership, CopyThatWasBegunIsOpenUntilItsEndIsRecorded) {
  std::vector<RecordedTakeover> list = {
      {kCopyMark, {PartitionId(0), Epoch(1), SequenceNumber(0)}, true, true},
      {kCopyMark, {PartitionId(0), Epoch(2), SequenceNumber(0)}, false, true},
      {Generation(1), {PartitionId(0), Epoch(5), SequenceNumber(7)}, false, true},
  };
  CopyMark mark = take_copy_mark(list);
  EXPECT_EQ(mark.number, 2u);
  EXPECT_TRUE(mark.open);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].takeover.epoch, Epoch(5));
  EXPECT_FALSE(take_copy_mark(list).open);
  list[0].generation = kCopyMark, list[0].swept = true;
  EXPECT_FALSE(take_copy_mark(list).open);
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace millrace::clickhouse
