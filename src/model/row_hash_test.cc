#include "model/row_hash.h"

#include <set>

#include <gtest/gtest.h>

#include "base/xxh.h"
#include "model/batch.h"
#include "model/index_for_test.h"

namespace millrace {
namespace {

EventView example() {
  EventView event;
  event.project = "default";
  event.event = "signup";
  event.user_id = "u1";
  event.anonymous_id = "a1";
  event.session_id = "s1";
  event.id_kind = IdKind::kMessage;
  event.id = "m-1";
  event.time = -5;
  event.sent = 6;
  event.received = 7;
  event.properties = R"({"a":1})";
  event.context = R"({"b":2})";
  return event;
}

Place somewhere() { return {Generation(1), PartitionId(2), SequenceNumber(3)}; }

TEST(RowHash, IsXxh3OfTheColumnsAsTextEachFollowedByAUnitSeparator) {
  std::string text =
      "default\x1fsignup\x1fu1\x1f"
      "a1\x1fs1\x1fm-1\x1f{\"a\":1}\x1f{\"b\":2}\x1f-5\x1f"
      "6\x1f"
      "7\x1f"
      "1\x1f"
      "2\x1f"
      "3\x1f";
  EXPECT_EQ(row_hash(example(), somewhere()), XXH3_64bits(text.data(), text.size()));
}

TEST(RowHash, OfALongRowFollowsTheSameRule) {
  std::string properties = R"({"a":")" + std::string(100'000, 'x') + R"("})";
  EventView event = example();
  event.properties = properties;
  std::string text =
      "default\x1fsignup\x1fu1\x1f"
      "a1\x1fs1\x1fm-1\x1f" +
      properties + "\x1f{\"b\":2}\x1f-5\x1f" + "6\x1f" + "7\x1f" + "1\x1f" + "2\x1f" + "3\x1f";
  EXPECT_EQ(row_hash(event, somewhere()), XXH3_64bits(text.data(), text.size()));
}

TEST(RowHash, ChangesWithEveryColumn) {
  std::set<std::uint64_t> seen = {row_hash(example(), somewhere())};
  auto changed = [&seen](auto change) {
    EventView event = example();
    Place place = somewhere();
    change(event, place);
    EXPECT_TRUE(seen.insert(row_hash(event, place)).second);
  };
  changed([](EventView& e, Place&) { e.project = "x"; });
  changed([](EventView& e, Place&) { e.event = "x"; });
  changed([](EventView& e, Place&) { e.user_id = "x"; });
  changed([](EventView& e, Place&) { e.anonymous_id = "x"; });
  changed([](EventView& e, Place&) { e.session_id = "x"; });
  changed([](EventView& e, Place&) { e.id = "x"; });
  changed([](EventView& e, Place&) { e.properties = "{}"; });
  changed([](EventView& e, Place&) { e.context = "{}"; });
  changed([](EventView& e, Place&) { e.time = 1; });
  changed([](EventView& e, Place&) { e.sent = 1; });
  changed([](EventView& e, Place&) { e.received = 1; });
  changed([](EventView&, Place& p) { p.generation = Generation(9); });
  changed([](EventView&, Place& p) { p.partition = PartitionId(9); });
  changed([](EventView&, Place& p) { p.sequence = SequenceNumber(9); });
}

TEST(RowHash, IsTheSameFromTheLogAndFromTheBatch) {
  EventView own_id = example();
  EventView batch_id = example();
  batch_id.id_kind = IdKind::kBatch;  // not kept by the store, so it must not count
  batch_id.id = "key\0000";
  EventView bare;
  bare.event = "x";
  std::string index = index_of(own_id.properties);
  own_id.property_index = index;

  EventBatch batch;
  std::uint64_t sequence = 10;
  for (const EventView& event : {own_id, batch_id, bare}) {
    batch.append(event, SequenceNumber(sequence));
    Place place = {Generation(1), PartitionId(0), SequenceNumber(sequence)};
    EXPECT_EQ(row_hash(batch.row(batch.rows() - 1), place), row_hash(event, place));
    sequence += 3;
  }
  ASSERT_EQ(batch.rows(), 3u);
  EXPECT_EQ(batch.sequence, (std::vector<std::uint64_t>{10, 13, 16}));
  EXPECT_EQ(batch.row(0).property_index, index);
  EXPECT_EQ(batch.row(1).id_kind, IdKind::kNone);
  EXPECT_EQ(batch.row(2).sent, kNoTime);
  EXPECT_GT(batch.bytes(), 3u * 32);

  batch.clear();
  EXPECT_EQ(batch.rows(), 0u);
  EXPECT_EQ(batch.bytes(), 0u);
}

}  // namespace
}  // namespace millrace
