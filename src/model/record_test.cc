#include "model/record.h"

#include <random>

#include <gtest/gtest.h>

#include "base/document_for_test.h"
#include "model/index_for_test.h"
#include "model/property_index.h"
#include "model/routing.h"
#include "model/signup_for_test.h"

namespace millrace {
namespace {

std::string record_of_signup() {
  EventView event = signup();
  std::string index = index_of(event.properties);
  event.property_index = index;
  std::string record;
  begin_record(record, "default");
  append_event(record, event);
  return record;
}

void expect_equal(const EventView& a, const EventView& b) {
  EXPECT_EQ(a.event, b.event);
  EXPECT_EQ(a.user_id, b.user_id);
  EXPECT_EQ(a.anonymous_id, b.anonymous_id);
  EXPECT_EQ(a.session_id, b.session_id);
  EXPECT_EQ(a.id_kind, b.id_kind);
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.time, b.time);
  EXPECT_EQ(a.sent, b.sent);
  EXPECT_EQ(a.properties, b.properties);
  EXPECT_EQ(a.context, b.context);
  EXPECT_EQ(a.property_index, b.property_index);
}

TEST(Record, EventsComeBackAsTheyWereWritten) {
  std::string long_text(65'535, 'x');
  EventView first = signup();
  std::string index = index_of(first.properties);
  first.property_index = index;
  EventView second;
  second.event = long_text;
  second.user_id = long_text;
  second.anonymous_id = "a";
  second.session_id = std::string_view("\0s", 2);
  second.id_kind = IdKind::kBatch;
  second.id = long_text;
  second.time = -1;
  second.sent = 17;
  second.context = R"({"page":{"path":"/"}})";

  std::string record;
  begin_record(record, "default");
  append_event(record, first);
  append_event(record, second);

  RecordCursor cursor(record, 99);
  ASSERT_TRUE(cursor.next());
  expect_equal(cursor.event(), first);
  EXPECT_EQ(cursor.event().project, "default");
  EXPECT_EQ(cursor.event().received, 99);
  ASSERT_TRUE(cursor.next());
  expect_equal(cursor.event(), second);
  EXPECT_EQ(cursor.event().received, 99);
  EXPECT_FALSE(cursor.next());
  EXPECT_TRUE(cursor.status().ok());
}

TEST(Record, WithoutEventsIsWhole) {
  std::string record;
  begin_record(record, "");
  RecordCursor cursor(record, 0);
  EXPECT_FALSE(cursor.next());
  EXPECT_TRUE(cursor.status().ok());
}

TEST(Record, EveryCutIsCorruptExceptBetweenEvents) {
  std::string record = record_of_signup();
  std::size_t head = 2 + 7;
  for (std::size_t size = 0; size < record.size(); ++size) {
    std::string cut = record.substr(0, size);  // a copy of its own, so that a read behind its end is seen by ASan
    RecordCursor cursor(cut, 0);
    EXPECT_FALSE(cursor.next()) << size;
    EXPECT_EQ(cursor.status().ok(), size == head) << size;
    if (size != head) {
      EXPECT_EQ(cursor.status().error().code, Code::kCorrupt);
    }
  }
}

TEST(Record, ChangedBytesNeverReadOutside) {
  std::string good = record_of_signup() + record_of_signup().substr(9);
  std::mt19937_64 random(7);
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      bad[random() % bad.size()] = static_cast<char>(random());
    }
    RecordCursor cursor(bad, 0);
    std::size_t bytes = 0;
    while (cursor.next()) {
      for (PropertyCursor at(cursor.event().properties, cursor.event().property_index); at.next();) {
        bytes += at.property().value.size();
      }
    }
    ASSERT_LE(bytes, bad.size());
    refused += !cursor.status().ok();
  }
  EXPECT_GT(refused, 5'000u);
}

TEST(Record, NewerVersionIsRefusedWithAClearMessage) {
  std::string record = record_of_signup();
  record[0] = 2;
  RecordCursor cursor(record, 0);
  EXPECT_FALSE(cursor.next());
  ASSERT_FALSE(cursor.status().ok());
  EXPECT_EQ(cursor.status().error().code, Code::kInvalid);
  EXPECT_NE(cursor.status().error().message.find("newer millrace"), std::string::npos);
}

TEST(Record, UnknownKindOfIdIsCorrupt) {
  std::string record = record_of_signup();
  record[9 + 4] = 3;
  RecordCursor cursor(record, 0);
  EXPECT_FALSE(cursor.next());
  EXPECT_EQ(cursor.status().error().code, Code::kCorrupt);
}

TEST(PropertyIndex, GivesEachMemberWithItsType) {
  std::string text = R"({"a":null,"":true,"n":-1,"d":1.5,"q\"}":"x,\"y","o":{"k":[1,2]},"l":[]})";
  std::string index = index_of(text);
  struct Expected {
    std::string key, value;
    PropertyType type;
  };
  std::vector<Expected> expected = {{"a", "null", PropertyType::kNull},
                                    {"", "true", PropertyType::kBool},
                                    {"n", "-1", PropertyType::kInteger},
                                    {"d", "1.5", PropertyType::kDouble},
                                    {"q\\\"}", R"("x,\"y")", PropertyType::kString},
                                    {"o", R"({"k":[1,2]})", PropertyType::kNested},
                                    {"l", "[]", PropertyType::kNested}};
  PropertyCursor cursor(text, index);
  for (const Expected& want : expected) {
    ASSERT_TRUE(cursor.next()) << want.key;
    EXPECT_EQ(cursor.property().key, want.key);
    EXPECT_EQ(cursor.property().value, want.value);
    EXPECT_EQ(cursor.property().type, want.type);
  }
  EXPECT_FALSE(cursor.next());
  EXPECT_TRUE(cursor.valid());
}

TEST(PropertyIndex, ThatDoesNotFitTheTextStopsTheWalk) {
  std::string index;
  append_property_index(index, 1, 100, PropertyType::kString);
  PropertyCursor cursor(R"({"a":"b"})", index);
  EXPECT_FALSE(cursor.next());
  EXPECT_FALSE(cursor.valid());
}

TEST(RecordFormat, WorkedExampleOfTheDocumentIsWhatIsWritten) {
  EXPECT_EQ(bytes_in_document("docs/formats/record.md", "## Worked example"), record_of_signup());
}

TEST(RecordFormat, PartitionsOfTheDocumentAreWhatIsChosen) {
  EXPECT_EQ(routing_hash("u1"), 0x9dc02546854d5df1u);
  EXPECT_EQ(partition_of("u1", 4), PartitionId(1));
  EXPECT_EQ(partition_of("u1", 16), PartitionId(1));
  EXPECT_EQ(routing_hash("u_bc7387b3c3d4"), 0x404ea7a219f09b72u);
  EXPECT_EQ(partition_of("u_bc7387b3c3d4", 4), PartitionId(2));
  EXPECT_EQ(partition_of("u_bc7387b3c3d4", 16), PartitionId(2));
}

}  // namespace
}  // namespace millrace
