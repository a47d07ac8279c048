#include "stream/kafka/json_batch.h"

#include <gtest/gtest.h>

#include "model/event_json.h"
#include "model/record.h"
#include "stream/recording_listener.h"

namespace millrace::kafka {
namespace {

constexpr PartitionId kThird{3};

std::string numbered_record(int events) {
  std::string record;
  begin_record(record, "shop");
  for (int i = 0; i < events; ++i) {
    EventView event;
    std::string user = "u" + std::to_string(i);
    event.event = "buy";
    event.user_id = user;
    event.id = "key";
    event.id_kind = i == 0 ? IdKind::kBatch : IdKind::kMessage;
    append_event(record, event);
  }
  return record;
}

SequenceRange places(std::uint64_t begin, std::uint64_t end) { return {SequenceNumber(begin), SequenceNumber(end)}; }

class JsonBatchTest : public testing::Test {
 protected:
  // Of three events.
  JsonBatch* sent() { return JsonBatch::make({kThird, 3, 100, record_, &listener_}, 1'000).value().release(); }

  const std::string record_ = numbered_record(3);
  RecordingListener listener_;
};

TEST_F(JsonBatchTest, EachEventIsAMessageWithItsUserAsKey) {
  auto batch = JsonBatch::make({kThird, 3, 100, record_, &listener_}, 1'000).value();
  ASSERT_EQ(batch->messages().size(), 3u);
  EXPECT_EQ(batch->parts(0).value, R"({"event":"buy","user_id":"u0","timestamp":"1970-01-01T00:00:00Z"})");
  EXPECT_EQ(batch->parts(0).batch_id, "key");
  EXPECT_EQ(batch->parts(1).batch_id, "");
  EXPECT_EQ(batch->parts(1).key, "u1");
  EXPECT_EQ(batch->parts(2).project, "shop");
  EXPECT_EQ(batch->messages()[2].payload, batch->parts(2).value);
  EXPECT_EQ(batch->messages()[2].events, 1u);
  EXPECT_EQ(batch->messages()[2].received, 100);
  EXPECT_EQ(batch->waiting_bytes() - batch->waiting_bytes(1),
            waiting_bytes_of(MessageFormat::kJson, batch->parts(0).value.size()));
}

TEST_F(JsonBatchTest, ItsListenerIsToldOnceAllAreThere) {
  JsonBatch* batch = sent();
  batch->appended(kThird, places(11, 12));
  batch->appended(kThird, places(10, 11));
  EXPECT_EQ(listener_.told(), 0u);
  batch->appended(kThird, places(12, 13));
  EXPECT_EQ(*listener_.wait(1)[0], places(10, 13));
}

TEST_F(JsonBatchTest, MessagesThatWereThereBeforeAddNothing) {
  JsonBatch* batch = sent();
  batch->appended(kThird, places(10, 10));
  batch->appended(kThird, places(10, 11));
  batch->appended(kThird, places(11, 11));
  EXPECT_EQ(*listener_.wait(1)[0], places(10, 11));
  batch = sent();
  for (int i = 0; i < 3; ++i) {
    batch->appended(kThird, kUnknownPlace);
  }
  EXPECT_EQ(*listener_.wait(2)[1], kUnknownPlace);
}

TEST_F(JsonBatchTest, OneThatFailedMeansThatAllHave) {
  JsonBatch* batch = sent();
  batch->appended(kThird, places(10, 11));
  batch->appended(kThird, unavailable("gone"));
  batch->appended(kThird, places(11, 12));
  EXPECT_EQ(listener_.wait(1)[0].error().message, "gone");
}

TEST_F(JsonBatchTest, NobodyIsToldOfABatchOfWhichNotAllWereSent) {
  auto batch = JsonBatch::make({kThird, 3, 100, record_, &listener_}, 1'000).value();
  JsonBatch* waits = batch.get();
  JsonBatch::abandon(std::move(batch), 2);
  waits->appended(kThird, places(10, 11));
  waits->appended(kThird, places(11, 12));  // and is gone: the address sanitizer would say if not
  waits = sent();
  waits->appended(kThird, places(12, 13));
  waits->appended(kThird, places(13, 14));
  std::unique_ptr<JsonBatch> late(waits);
  JsonBatch::abandon(std::move(late), 2);
  EXPECT_EQ(listener_.told(), 0u);
}

TEST_F(JsonBatchTest, WhatIsNoRecordOfSoManyEventsIsRefused) {
  auto code_of = [&](std::uint32_t events, std::string_view payload, std::size_t bytes_max) {
    auto made = JsonBatch::make({kThird, events, 100, payload, &listener_}, bytes_max);
    return made.ok() ? std::optional<Code>() : made.error().code;
  };
  EXPECT_EQ(code_of(2, record_, 1'000), Code::kInvalid);
  EXPECT_EQ(code_of(1, "bytes", 1'000), Code::kInvalid);
  EXPECT_EQ(code_of(3, record_, 60), Code::kInvalid);
}

TEST_F(JsonBatchTest, AnEventThatIsTooLongIsKnownBeforeItIsSent) {
  Append batch{kThird, 3, 100, record_, &listener_};
  EXPECT_TRUE(judge_json(batch, 1'000'000).ok());
  EXPECT_TRUE(judge_json(batch, 100).ok());
  EXPECT_EQ(judge_json(batch, 60).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace millrace::kafka
