#include "store/memory/memory_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store_contract.h"

namespace millrace {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class MemoryHarness final : public StoreHarness {
 public:
  StoreWriter& writer() override { return store_; }
  StoreReader& reader() override { return store_; }
  SharedState& state() override { return store_; }
  std::string unstorable_event() override { return std::string(MemoryStore::kRefusedEvent); }

 private:
  MemoryStore store_;
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract,
                         testing::Values(StoreFactory([] { return std::make_unique<MemoryHarness>(); })));

constexpr SequenceRange kAll{SequenceNumber(0), SequenceNumber(1'000'000)};

TEST(MemoryStore, UnknownOutcomeIsLearntAfterSettling) {
  MemoryStore store;
  store.script(InsertFate::kUnknownStored);
  store.script(InsertFate::kUnknownNothing);
  EventBatch batch = contract_batch(PartitionId(0), Epoch(1), 0, 10);
  EXPECT_EQ(store.insert(batch, 0, 5).error().code, Code::kUnknown);
  ASSERT_TRUE(store.settle(PartitionId(0)).ok());
  EXPECT_THAT(*store.present(PartitionId(0), kAll), SizeIs(5));
  EXPECT_EQ(store.insert(batch, 5, 10).error().code, Code::kUnknown);
  ASSERT_TRUE(store.settle(PartitionId(0)).ok());
  EXPECT_THAT(*store.present(PartitionId(0), kAll), SizeIs(5));
  EXPECT_THAT(store.broken_rules(), IsEmpty());
}

TEST(MemoryStore, AskingBeforeSettlingIsNoticed) {
  MemoryStore store;
  store.script(InsertFate::kUnknownLate);
  EXPECT_FALSE(store.insert(contract_batch(PartitionId(3), Epoch(1), 0, 1), 0, 1).ok());
  ASSERT_TRUE(store.count(PartitionId(3), kAll, false).ok());
  EXPECT_THAT(store.broken_rules(), SizeIs(1));
}

TEST(MemoryStore, NothingArrivesAfterSettling) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    MemoryStoreFaults faults;
    faults.seed = seed;
    MemoryStore store(faults);
    store.script(InsertFate::kUnknownLate);
    EXPECT_FALSE(store.insert(contract_batch(PartitionId(0), Epoch(1), 0, 20), 0, 20).ok());
    ASSERT_TRUE(store.settle(PartitionId(0)).ok());
    std::size_t settled = store.present(PartitionId(0), kAll)->size();
    for (int call = 0; call < 20; ++call) {
      EXPECT_THAT(*store.present(PartitionId(0), kAll), SizeIs(settled));
    }
  }
}

TEST(MemoryStore, PowerCutTakesWholeUnflushedInsertsAlone) {
  bool lost_some = false, kept_some = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    MemoryStoreFaults faults;
    faults.seed = seed;
    MemoryStore store(faults);
    EventBatch batch = contract_batch(PartitionId(0), Epoch(1), 0, 20);
    ASSERT_TRUE(store.insert(batch, 0, 10).ok());
    ASSERT_TRUE(store.flush().ok());
    ASSERT_TRUE(store.insert(batch, 10, 20).ok());
    store.cut_power();
    std::size_t left = store.rows().size();
    EXPECT_TRUE(left == 10 || left == 20) << left;
    lost_some |= left == 10;
    kept_some |= left == 20;
  }
  EXPECT_TRUE(lost_some && kept_some);
}

TEST(MemoryStore, PowerCutMayTearAnUnflushedInsert) {
  bool torn = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    MemoryStoreFaults faults;
    faults.seed = seed;
    faults.cut_tears = 1000;
    MemoryStore store(faults);
    ASSERT_TRUE(store.insert(contract_batch(PartitionId(0), Epoch(1), 0, 20), 0, 20).ok());
    store.cut_power();
    torn |= !store.rows().empty() && store.rows().size() < 20;
  }
  EXPECT_TRUE(torn);
}

TEST(MemoryStore, SameSeedGivesTheSameFaults) {
  auto codes = [](std::uint64_t seed) {
    MemoryStoreFaults faults{seed, 200, 100, 100, 100, 100, 100, 0, 0, 0, 0, 0};
    MemoryStore store(faults);
    EventBatch batch = contract_batch(PartitionId(0), Epoch(1), 0, 1);
    std::vector<int> seen;
    for (int call = 0; call < 50; ++call) {
      Result<void> inserted = store.insert(batch, 0, 1);
      seen.push_back(inserted.ok() ? -1 : static_cast<int>(inserted.error().code));
      EXPECT_TRUE(store.settle(PartitionId(0)).ok());
    }
    return seen;
  };
  EXPECT_EQ(codes(7), codes(7));
  EXPECT_NE(codes(7), codes(8));
}

}  // namespace
}  // namespace millrace
