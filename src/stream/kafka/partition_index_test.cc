#include "stream/kafka/partition_index.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

class PartitionIndexTest : public testing::Test {
 protected:
  // The next message, of a producer that sends each once.
  std::optional<SequenceRange> add(std::uint32_t events, TimeNs received = 0, std::uint64_t bytes = 10) {
    return index_.add(index_.end().offset, MessageInfo{Generation(1), events, received, 1, number_++}, bytes);
  }

  PartitionIndex index_{Generation(1), PartitionId(3)};
  std::uint64_t number_ = 0;
};

TEST_F(PartitionIndexTest, EventsAreCountedFromZeroOverWhatIsPassedOver) {
  EXPECT_EQ(add(3), (SequenceRange{SequenceNumber(0), SequenceNumber(3)}));
  EXPECT_FALSE(index_.add(1, std::nullopt, 10));
  EXPECT_FALSE(index_.add(2, MessageInfo{Generation(2), 4, 0, 1, 77}, 10));
  EXPECT_FALSE(index_.add(3, MessageInfo{Generation(1), 3, 0, 1, 0}, 10));
  EXPECT_EQ(index_.add(9, MessageInfo{Generation(1), 2, 0, 1, 1}, 10),
            (SequenceRange{SequenceNumber(3), SequenceNumber(5)}));
  EXPECT_EQ(index_.end().offset, 10);
  EXPECT_EQ(index_.end().bytes, 20u);
  EXPECT_TRUE(index_.repeated(3));
  EXPECT_FALSE(index_.repeated(9));
}

TEST_F(PartitionIndexTest, ItBeginsBehindEventsThatAreGoneAndCountsThem) {
  MessageInfo gone{Generation(1), 1'000, 50, 7, 0, MessageFormat::kGone};
  index_.add(0, gone, 0);
  gone.number = 1;
  index_.add(1, gone, 0);
  EXPECT_EQ(add(3, 60), (SequenceRange{SequenceNumber(2'000), SequenceNumber(2'003)}));
  EXPECT_EQ(index_.begin().sequence, SequenceNumber(2'000));
  EXPECT_EQ(index_.begin().offset, 2);
  EXPECT_EQ(index_.next_number(7), 2u);
  EXPECT_EQ(index_.next_number(8), 0u);
  Result<PartitionIndex> again = PartitionIndex::decode(index_.encode(), Generation(1), PartitionId(3));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->begin(), index_.begin());
}

TEST_F(PartitionIndexTest, AnAnchorIsNeverBehindThePlaceThatIsSought) {
  for (int i = 0; i < 20'000; ++i) {
    add(2, i);
  }
  for (std::uint64_t place : {0ULL, 1ULL, 8191ULL, 8192ULL, 8193ULL, 39'999ULL, 40'000ULL}) {
    const PartitionIndex::Anchor& anchor = index_.before(SequenceNumber(place));
    EXPECT_LE(anchor.sequence.value, place);
    EXPECT_LE(place - anchor.sequence.value, 2ULL * PartitionIndex::kAnchorMessages);
    EXPECT_EQ(anchor.sequence.value, 2ULL * static_cast<std::uint64_t>(anchor.offset));
  }
  EXPECT_EQ(index_.before_time(0).offset, 0);
  EXPECT_LT(index_.before_time(10'000).received, 10'000);
  EXPECT_GE(index_.before_time(10'000).received, 10'000 - PartitionIndex::kAnchorMessages - 1);
}

TEST_F(PartitionIndexTest, WhatWasReleasedIsGivenUpByAgeOrBytes) {
  for (int i = 0; i < 10; ++i) {
    add(1, 100 * i, 600'000);  // an anchor each second one
  }
  EXPECT_EQ(index_.give_up_until(SequenceNumber(9), 0, 100 << 20).offset, 0);
  EXPECT_EQ(index_.give_up_until(SequenceNumber(0), 10'000, 0).offset, 0);
  EXPECT_EQ(index_.give_up_until(SequenceNumber(9), 350, 100 << 20).offset, 4);
  EXPECT_EQ(index_.give_up_until(SequenceNumber(5), 10'000, 0).offset, 4);
  EXPECT_EQ(index_.give_up_until(SequenceNumber(9), 0, 3'000'000).offset, 6);
}

TEST_F(PartitionIndexTest, ItsBeginIsAPlaceFromWhichCanBeCountedOn) {
  for (int i = 0; i < 10; ++i) {
    add(1, 100 * i, 600'000);
  }
  ASSERT_TRUE(index_.drop_before(4).ok());
  EXPECT_EQ(index_.begin().offset, 4);
  ASSERT_TRUE(index_.drop_before(5).ok());
  EXPECT_EQ(index_.begin().offset, 6);
  ASSERT_TRUE(index_.drop_before(9).ok());
  EXPECT_EQ(index_.begin().sequence, SequenceNumber(10));
  EXPECT_EQ(index_.drop_before(11).error().code, Code::kCorrupt);
}

TEST_F(PartitionIndexTest, ComesBackAsItWasAndEveryFlippedBitIsFound) {
  for (int i = 0; i < 10; ++i) {
    add(3, 100 * i, 600'000);
  }
  index_.add(10, MessageInfo{Generation(1), 3, 0, 1, 0}, 10);
  std::string bytes = index_.encode();
  Result<PartitionIndex> again = PartitionIndex::decode(bytes, Generation(1), PartitionId(3));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->end(), index_.end());
  EXPECT_EQ(again->begin(), index_.begin());
  EXPECT_TRUE(again->repeated(10));
  EXPECT_EQ(again->encode(), bytes);
  EXPECT_FALSE(again->add(11, MessageInfo{Generation(1), 3, 0, 1, 5}, 10));
  EXPECT_EQ(PartitionIndex::decode(bytes, Generation(2), PartitionId(3)).error().code, Code::kInvalid);
  EXPECT_EQ(PartitionIndex::decode(bytes, Generation(1), PartitionId(2)).error().code, Code::kInvalid);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    EXPECT_FALSE(PartitionIndex::decode(flipped, Generation(1), PartitionId(3)).ok()) << i;
    EXPECT_FALSE(PartitionIndex::decode(bytes.substr(0, i), Generation(1), PartitionId(3)).ok()) << i;
  }
}

}  // namespace
}  // namespace millrace
