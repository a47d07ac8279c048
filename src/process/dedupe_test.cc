#include "process/dedupe.h"

#include <deque>
#include <random>
#include <unordered_map>

#include <gtest/gtest.h>

#include "base/sabotage.h"
#include "io/random.h"

namespace millrace {
namespace {

Fingerprint id_of(std::uint64_t number) { return {number * 0x9e3779b97f4a7c15ULL, number * 0xbf58476d1ce4e5b9ULL + 1}; }

IdLimits small_limits(std::uint64_t ids_max = 100) {
  IdLimits limits;
  limits.chunk_ids = 8;
  limits.ids_max = ids_max;
  limits.window_ns = 1'000'000;
  return limits;
}

TEST(IdTable, IdSeenBeforeIsARepeatOnlyOfALowerSequence) {
  IdTable table(small_limits());
  EXPECT_FALSE(table.repeat(id_of(1), SequenceNumber(10), 0));
  EXPECT_TRUE(table.repeat(id_of(1), SequenceNumber(11), 0));
  EXPECT_FALSE(table.repeat(id_of(1), SequenceNumber(10), 0)) << "an event read again is not its own repeat";
  EXPECT_FALSE(table.repeat(id_of(1), SequenceNumber(9), 0)) << "nor is one that came before";
  EXPECT_TRUE(table.repeat(id_of(1), SequenceNumber(11), 0)) << "and none of that changes what is stored";
  EXPECT_EQ(table.size(), 1u);
}

TEST(IdTable, TheTestAboveFindsARepeatOfItself) {
  sabotage = Sabotage::kRepeatOfItself;
  IdTable table(small_limits());
  EXPECT_FALSE(table.repeat(id_of(1), SequenceNumber(10), 0));
  EXPECT_TRUE(table.repeat(id_of(1), SequenceNumber(10), 0));
  sabotage = Sabotage::kNone;
}

TEST(IdTable, ForgetsTheOldestChunkAsAWholeWhenTheBudgetIsExceeded) {
  IdTable table(small_limits(16));
  for (std::uint64_t i = 0; i < 24; ++i) {
    table.forget(0);
    EXPECT_FALSE(table.repeat(id_of(i), SequenceNumber(i), 0));
  }
  EXPECT_EQ(table.size(), 24u);  // 16 at least are always remembered
  table.forget(0);
  EXPECT_EQ(table.size(), 16u);
  EXPECT_FALSE(table.repeat(id_of(7), SequenceNumber(30), 0));
  EXPECT_TRUE(table.repeat(id_of(8), SequenceNumber(31), 0));
}

// One record may bring more ids than the budget has, and nothing is forgotten within it.
TEST(IdTable, ARecordOfAnySizeIsKnownAgain) {
  for (std::uint64_t ids_max = 1; ids_max < 40; ++ids_max) {
    IdTable table(small_limits(ids_max));
    table.forget(0);
    for (std::uint64_t i = 0; i < 5000; ++i) ASSERT_FALSE(table.repeat(id_of(i), SequenceNumber(i), 0)) << ids_max;
    for (std::uint64_t i = 0; i < 5000; ++i) ASSERT_TRUE(table.repeat(id_of(i), SequenceNumber(5000), 0)) << ids_max;
    table.forget(0);
    EXPECT_LE(table.size(), ids_max + 8);
    EXPECT_TRUE(table.repeat(id_of(4999), SequenceNumber(5001), 0));
  }
}

TEST(IdTable, ForgetsAChunkWhoseNewestIdIsOlderThanTheWindow) {
  IdTable table(small_limits());
  for (std::uint64_t i = 0; i < 12; ++i) {
    table.repeat(id_of(i), SequenceNumber(i), static_cast<TimeNs>(i));
  }
  table.forget(1'000'007);  // the first chunk's newest is of 7
  EXPECT_EQ(table.size(), 12u);
  EXPECT_EQ(table.window_ns(), 1'000'007);
  table.forget(1'000'008);
  EXPECT_EQ(table.size(), 4u);
  table.forget(3'000'000);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_FALSE(table.repeat(id_of(11), SequenceNumber(50), 3'000'000));
}

// The simple version: the same rules over a hash map and a list of chunks.
class Oracle {
 public:
  explicit Oracle(IdLimits limits) : limits_(limits) {}
  void forget(TimeNs received) {
    while (!chunks_.empty()) {
      Chunk& oldest = chunks_.front();
      bool full = oldest.ids.size() == limits_.chunk_ids && map_.size() - oldest.ids.size() >= limits_.ids_max;
      if (oldest.newest >= received - limits_.window_ns && !full) {
        return;
      }
      for (std::uint64_t id : oldest.ids) {
        map_.erase(id);
      }
      chunks_.pop_front();
    }
  }
  bool repeat(std::uint64_t id, std::uint64_t at, TimeNs received) {
    auto [found, fresh] = map_.try_emplace(id, at);
    if (!fresh) {
      return found->second < at;
    }
    if (chunks_.empty() || chunks_.back().ids.size() == limits_.chunk_ids) {
      chunks_.emplace_back();
    }
    chunks_.back().ids.push_back(id);
    chunks_.back().newest = std::max(chunks_.back().newest, received);
    return false;
  }
  std::size_t size() const { return map_.size(); }

 private:
  struct Chunk {
    std::vector<std::uint64_t> ids;
    TimeNs newest = INT64_MIN;
  };
  IdLimits limits_;
  std::deque<Chunk> chunks_;
  std::unordered_map<std::uint64_t, std::uint64_t> map_;
};

// Every so often the table is taken apart and put together again, as by a snapshot and a restart.
IdTable restarted(IdTable& table) {
  IdTable fresh(table.limits());
  for (IdChunk& chunk : table.chunks()) {
    fresh.restore(chunk);
  }
  fresh.restore_position(table.next_chunk(), table.newest_received());
  return fresh;
}

TEST(IdTable, DecidesLikeAHashMapAlsoAcrossRestarts) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    IdLimits limits = small_limits(16 << random() % 9);
    limits.chunk_ids = 1u << random() % 7;
    IdTable table(limits);
    Oracle oracle(limits);
    TimeNs received = 0;
    for (std::uint64_t at = 0; at < 20'000; ++at) {
      received += static_cast<TimeNs>(random() % 700);
      std::uint64_t id = random() % (1 + limits.ids_max * 2);
      if (random() % 4 == 0) {
        table.forget(received);
        oracle.forget(received);
      }
      ASSERT_EQ(table.repeat(id_of(id), SequenceNumber(at), received), oracle.repeat(id, at, received))
          << "seed " << seed << ", event " << at;
      ASSERT_EQ(table.size(), oracle.size());
      if (random() % 4096 == 0) {
        table = restarted(table);
      }
    }
  }
}

TEST(IdTable, GrowsWithItsContentsAndFindsThemAll) {
  IdTable table{IdLimits{}};
  constexpr std::uint64_t kIds = 300'000;
  for (std::uint64_t i = 0; i < kIds; ++i) {
    ASSERT_FALSE(table.repeat(id_of(i), SequenceNumber(i), 0));
  }
  for (std::uint64_t i = 0; i < kIds; ++i) {
    ASSERT_TRUE(table.repeat(id_of(i), SequenceNumber(kIds), 0));
  }
}

TEST(IdTable, SmallerLimitsAreAppliedAtTheNextRecord) {
  IdTable table(small_limits(64));
  for (std::uint64_t i = 0; i < 64; ++i) {
    table.repeat(id_of(i), SequenceNumber(i), 0);
  }
  table.set_limits(8, 1'000'000);
  table.forget(0);
  EXPECT_EQ(table.size(), 8u);
  EXPECT_TRUE(table.repeat(id_of(63), SequenceNumber(100), 0));
  EXPECT_FALSE(table.repeat(id_of(55), SequenceNumber(101), 0));
}

TEST(IdHasher, FieldsCannotRunIntoEachOther) {
  IdHasher hash(std::string(kIdSecretBytes, 's'));
  auto of = [&](std::string_view project, std::string_view user, std::string_view id, IdKind kind = IdKind::kMessage) {
    EventView event;
    event.project = project;
    event.user_id = user;
    event.id = id;
    event.id_kind = kind;
    return hash(event);
  };
  EXPECT_EQ(of("p", "u", "1"), of("p", "u", "1"));
  EXPECT_NE(of("p", "ab", "c"), of("p", "a", "bc"));
  EXPECT_NE(of("pa", "b", "c"), of("p", "ab", "c"));
  EXPECT_NE(of("p", "", "uc"), of("p", "u", "c"));
  EXPECT_NE(of("p", "u", "1"), of("q", "u", "1"));
  EXPECT_NE(of("p", "u", "1"), of("p", "u", "1", IdKind::kBatch));
}

TEST(IdHasher, VisitorIsTheUserOrElseTheAnonymousId) {
  IdHasher hash(std::string(kIdSecretBytes, 's'));
  EventView event;
  event.project = "p";
  event.id = "1";
  event.id_kind = IdKind::kMessage;
  event.anonymous_id = "x";
  Fingerprint anonymous = hash(event);
  event.user_id = "x";
  event.anonymous_id = "y";
  EXPECT_EQ(hash(event), anonymous);
}

TEST(IdHasher, FingerprintsDependOnTheSecret) {
  IdHasher one(random_bytes(kIdSecretBytes));
  IdHasher other(random_bytes(kIdSecretBytes));
  EventView event;
  event.id = "1";
  EXPECT_NE(one(event), other(event));
}

}  // namespace
}  // namespace millrace
