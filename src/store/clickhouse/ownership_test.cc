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
  auto takeovers = parse_takeovers(body);
  ASSERT_TRUE(takeovers.ok());
  ASSERT_EQ(takeovers->size(), 1u);
  EXPECT_EQ((*takeovers)[0].takeover.first, SequenceNumber(40));
  EXPECT_TRUE((*takeovers)[0].swept);
  EXPECT_FALSE((*takeovers)[0].recent);
  EXPECT_FALSE(parse_takeovers(body.substr(1)).ok());
}

}  // namespace
}  // namespace millrace::clickhouse
