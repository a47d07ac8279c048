#pragma once
// What every kind of store must do: one suite, run by memory/ and by clickhouse/ over a real engine.
//
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(StoreFactory([] { return …; })));

#include <functional>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_format.h"
#include "model/row_hash.h"
#include "store/shared_state.h"
#include "store/store.h"

namespace millrace {

// A fresh store, opened for generation 1, and what the suite must know about it.
class StoreHarness {
 public:
  virtual ~StoreHarness() = default;
  virtual StoreWriter& writer() = 0;
  virtual StoreReader& reader() = 0;
  virtual SharedState& state() = 0;
  // The name of an event that the store refuses for its data; empty when it refuses none.
  virtual std::string unstorable_event() { return {}; }
};
using StoreFactory = std::function<std::unique_ptr<StoreHarness>()>;

inline constexpr Generation kContractGeneration{1};
inline constexpr TimeNs kContractStart = 1'700'000'000 * kSecond;  // 2023-11-14T22:13:20Z

// Rows of "default" with sequences [first, end), every field filled on some of them.
inline EventBatch contract_batch(PartitionId partition, Epoch epoch, std::uint64_t first, std::uint64_t end) {
  EventBatch batch;
  batch.generation = kContractGeneration;
  batch.partition = partition;
  batch.epoch = epoch;
  for (std::uint64_t sequence = first; sequence < end; ++sequence) {
    std::string number = std::to_string(sequence);
    std::string user = sequence % 3 == 0 ? "" : "user " + number;
    std::string anonymous = sequence % 3 == 0 ? "anonymous " + number : "";
    std::string id = "id " + number;
    std::string properties = "{\"n\":" + number + ",\"text\":\"a\\\"b\\u001fü\"}";
    EventView event;
    event.project = "default";
    event.event = sequence % 2 == 0 ? "even" : "odd";
    event.user_id = user;
    event.anonymous_id = anonymous;
    event.session_id = sequence % 5 == 0 ? "session" : "";
    event.id_kind = sequence % 4 == 0 ? IdKind::kNone : IdKind::kMessage;
    event.id = sequence % 4 == 0 ? std::string_view() : std::string_view(id);
    event.time = kContractStart + static_cast<TimeNs>(sequence) * 1'000'000'007;
    event.sent = sequence % 2 == 0 ? kNoTime : event.time + 5;
    event.received = kContractStart + static_cast<TimeNs>(sequence) * kSecond;
    event.properties = properties;
    event.context = sequence % 7 == 0 ? "{\"ip\":\"127.0.0.1\"}" : "{}";
    batch.append(event, SequenceNumber(sequence));
  }
  return batch;
}

inline std::vector<std::uint64_t> numbers(const std::vector<SequenceNumber>& sequences) {
  std::vector<std::uint64_t> plain;
  for (SequenceNumber sequence : sequences) {
    plain.push_back(sequence.value);
  }
  return plain;
}

class StoreContract : public testing::TestWithParam<StoreFactory> {
 protected:
  void SetUp() override { harness_ = GetParam()(); }

  StoreWriter& writer() { return harness_->writer(); }
  StoreReader& reader() { return harness_->reader(); }

  void own(PartitionId partition, std::uint32_t epoch, std::uint64_t first) {
    Result<void> taken = writer().take_over({partition, Epoch(epoch), SequenceNumber(first)});
    ASSERT_TRUE(taken.ok()) << taken.error().message;
  }
  void insert(PartitionId partition, std::uint32_t epoch, std::uint64_t first, std::uint64_t end) {
    EventBatch batch = contract_batch(partition, Epoch(epoch), first, end);
    Result<void> inserted = writer().insert(batch, 0, batch.rows());
    ASSERT_TRUE(inserted.ok()) << inserted.error().message;
  }
  std::vector<std::uint64_t> present(PartitionId partition, std::uint64_t first, std::uint64_t end) {
    auto found = writer().present(partition, {SequenceNumber(first), SequenceNumber(end)});
    EXPECT_TRUE(found.ok()) << found.error().message;
    return found.ok() ? numbers(*found) : std::vector<std::uint64_t>();
  }
  StoredRange count(PartitionId partition, std::uint64_t first, std::uint64_t end, bool with_hash = false) {
    auto found = writer().count(partition, {SequenceNumber(first), SequenceNumber(end)}, with_hash);
    EXPECT_TRUE(found.ok()) << found.error().message;
    return found.ok() ? *found : StoredRange();
  }
  std::string count_by_event() {
    MetricQuery query;
    query.project = "default";
    query.measures.push_back({Measure::Kind::kCount, {}, 0, "count"});
    query.by.push_back({FieldRef::Kind::kBase, "event", {}, "event"});
    query.from = kContractStart - 86'400 * kSecond;
    query.to = kContractStart + 86'400 * kSecond;
    query.order.push_back({"event", false});
    auto answer = reader().query(query, {});
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    return answer.ok() ? answer->columns[0].values_json + answer->columns[1].values_json : "";
  }

  static constexpr PartitionId kPartition{2};
  static constexpr PartitionId kOther{3};
  std::unique_ptr<StoreHarness> harness_;
};

TEST_P(StoreContract, InsertedRowsArePresentAndCounted) {
  own(kPartition, 1, 0);
  insert(kPartition, 1, 10, 20);
  EXPECT_THAT(present(kPartition, 0, 100), testing::ElementsAre(10, 11, 12, 13, 14, 15, 16, 17, 18, 19));
  EXPECT_THAT(present(kPartition, 12, 14), testing::ElementsAre(12, 13));
  EXPECT_EQ(count(kPartition, 0, 100).rows, 10u);
  EXPECT_EQ(count(kPartition, 19, 20).rows, 1u);
  EXPECT_EQ(count(kOther, 0, 100).rows, 0u);
}

TEST_P(StoreContract, OnlyTheRowsAskedForAreInserted) {
  own(kPartition, 1, 0);
  EventBatch batch = contract_batch(kPartition, Epoch(1), 0, 10);
  ASSERT_TRUE(writer().insert(batch, 3, 5).ok());
  ASSERT_TRUE(writer().insert(batch, 9, 10).ok());
  EXPECT_THAT(present(kPartition, 0, 100), testing::ElementsAre(3, 4, 9));
}

TEST_P(StoreContract, HashIsThatOfTheRowsContents) {
  own(kPartition, 1, 0);
  insert(kPartition, 1, 0, 100);
  EventBatch batch = contract_batch(kPartition, Epoch(1), 0, 100);
  std::uint64_t expected = 0;
  for (std::size_t row = 10; row < 90; ++row) {
    expected += row_hash(batch.row(row), {kContractGeneration, kPartition, SequenceNumber(row)});
  }
  StoredRange stored = count(kPartition, 10, 90, true);
  EXPECT_EQ(stored.rows, 80u);
  EXPECT_EQ(stored.hash, expected);
}

TEST_P(StoreContract, PartitionWithoutAnOwnerSaysSo) {
  auto owner = writer().owner(kPartition);
  ASSERT_TRUE(owner.ok()) << owner.error().message;
  EXPECT_EQ(owner->epoch, Epoch(0));
}

TEST_P(StoreContract, NewestTakeoverIsTheOwner) {
  own(kPartition, 1, 0);
  own(kPartition, 4, 50);
  own(kOther, 2, 7);
  auto owner = writer().owner(kPartition);
  ASSERT_TRUE(owner.ok()) << owner.error().message;
  EXPECT_EQ(owner->partition, kPartition);
  EXPECT_EQ(owner->epoch, Epoch(4));
  EXPECT_EQ(owner->first, SequenceNumber(50));
}

TEST_P(StoreContract, OldOwnerIsRefused) {
  own(kPartition, 4, 50);
  EXPECT_EQ(writer().take_over({kPartition, Epoch(3), SequenceNumber(60)}).error().code, Code::kInvalid);
  EXPECT_EQ(writer().take_over({kPartition, Epoch(4), SequenceNumber(50)}).error().code, Code::kInvalid);
  EXPECT_EQ(writer().owner(kPartition)->epoch, Epoch(4));
}

TEST_P(StoreContract, TakeoverDisownsLaterRowsOfOlderEpochs) {
  own(kPartition, 1, 0);
  insert(kPartition, 1, 0, 10);
  insert(kOther, 1, 0, 10);
  own(kPartition, 2, 6);
  EXPECT_THAT(present(kPartition, 0, 100), testing::ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(count(kOther, 0, 100).rows, 10u);
  EXPECT_EQ(count_by_event(), R"(["even","odd"][8,8])");
  insert(kPartition, 2, 6, 8);
  EXPECT_THAT(present(kPartition, 0, 100), testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(count_by_event(), R"(["even","odd"][9,9])");
}

TEST_P(StoreContract, StrayOfAnOldOwnerStaysInvisible) {
  own(kPartition, 1, 0);
  own(kPartition, 2, 5);
  insert(kPartition, 1, 3, 9);
  EXPECT_THAT(present(kPartition, 0, 100), testing::ElementsAre(3, 4));
  EXPECT_EQ(count(kPartition, 0, 100).rows, 2u);
  EXPECT_EQ(count_by_event(), R"(["even","odd"][1,1])");
}

TEST_P(StoreContract, SettlingAndFlushingKeepWhatIsThere) {
  own(kPartition, 1, 0);
  insert(kPartition, 1, 0, 10);
  ASSERT_TRUE(writer().flush().ok());
  ASSERT_TRUE(writer().settle(kPartition).ok());
  EXPECT_EQ(count(kPartition, 0, 100).rows, 10u);
  insert(kPartition, 1, 10, 11);
  EXPECT_EQ(count(kPartition, 0, 100).rows, 11u);
}

TEST_P(StoreContract, RefusedRowsLeaveNothingBehind) {
  std::string event = harness_->unstorable_event();
  if (event.empty()) {
    GTEST_SKIP() << "this store refuses no event that the model allows";
  }
  own(kPartition, 1, 0);
  EventBatch batch = contract_batch(kPartition, Epoch(1), 0, 5);
  EventView bad = batch.row(0);
  bad.event = event;
  batch.append(bad, SequenceNumber(5));
  EXPECT_EQ(writer().insert(batch, 0, 6).error().code, Code::kInvalid);
  EXPECT_EQ(count(kPartition, 0, 100).rows, 0u);
  EXPECT_TRUE(writer().insert(batch, 0, 5).ok());
}

TEST_P(StoreContract, WhatAnOwnerLeavesIsItsOwnAndTheNextOnesCopy) {
  SharedState& state = harness_->state();
  Takeover first{kPartition, Epoch(1), SequenceNumber(0), 11};
  Takeover twin{kPartition, Epoch(1), SequenceNumber(0), 12};
  Takeover next{kPartition, Epoch(2), SequenceNumber(0), 13};
  std::string large(3'000'000, 'x');
  large += std::string("\0\n'", 3);
  ASSERT_TRUE(state.write(first, "small", "one").ok());
  ASSERT_TRUE(state.write(first, "large", large).ok());
  ASSERT_TRUE(state.write(first, "empty", "").ok());
  ASSERT_TRUE(state.write(first, "small", "two").ok());
  EXPECT_THAT(state.names(first).value(), testing::ElementsAre("empty", "large", "small"));
  EXPECT_THAT(state.names(twin).value(), testing::IsEmpty());
  EXPECT_EQ(state.read(twin, "small").error().code, Code::kNotFound);
  EXPECT_EQ(state.read(first, "empty").value(), "");

  ASSERT_TRUE(state.copy(first, next).ok());
  ASSERT_TRUE(state.write(next, "small", "three").ok());
  ASSERT_TRUE(state.write(first, "small", "late").ok());
  EXPECT_EQ(state.read(next, "small").value(), "three");
  EXPECT_EQ(state.read(next, "large").value(), large);
  EXPECT_EQ(state.read(first, "small").value(), "late");
  ASSERT_TRUE(state.remove(next, {"empty"}).ok());
  ASSERT_TRUE(state.forget_before(next).ok());
  EXPECT_EQ(state.read(next, "small").value(), "three");
}

TEST_P(StoreContract, AnOwnerIsKnownByItsClaim) {
  ASSERT_TRUE(writer().take_over({kPartition, Epoch(1), SequenceNumber(0), 21}).ok());
  EXPECT_EQ(writer().owner(kPartition).value().claim, 21u);
  EXPECT_EQ(writer().take_over({kPartition, Epoch(1), SequenceNumber(0), 22}).error().code, Code::kInvalid);
  EXPECT_EQ(writer().owner(kPartition).value().claim, 21u);
  ASSERT_TRUE(writer().take_over({kPartition, Epoch(2), SequenceNumber(0), 23}).ok());
  EXPECT_EQ(writer().owner(kPartition).value().claim, 23u);
}

TEST_P(StoreContract, CountsByEventAreThoseOfTheRows) {
  own(kPartition, 1, 0);
  own(kOther, 1, 0);
  insert(kPartition, 1, 0, 10);
  insert(kOther, 1, 0, 5);
  EXPECT_EQ(count_by_event(), R"(["even","odd"][8,7])");
}

}  // namespace millrace
