#include "ingest/ingest_api.h"

#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "ingest/test_exchange.h"
#include "model/record.h"
#include "stream/memory/memory_stream.h"

namespace millrace {
namespace {

using testing::HasSubstr;

constexpr TimeNs kNow = 1'700'000'000'000'000'000;

class KeptFailedEvents final : public FailedEvents {
 public:
  void add(const FailedEvent& event) override {
    std::lock_guard lock(mutex_);
    events.insert(events.begin(), event);
  }
  Result<void> sync() override { return {}; }
  std::vector<FailedEvent> latest(const std::string& project, std::size_t limit) override {
    std::vector<FailedEvent> found;
    for (const FailedEvent& event : events) {
      if (event.project == project && found.size() < limit) {
        found.push_back(event);
      }
    }
    return found;
  }
  std::vector<FailedEvent> events;

 private:
  std::mutex mutex_;
};

class Ingest : public testing::Test {
 protected:
  static MemoryStreamOptions stream_options() {
    MemoryStreamOptions options;
    options.partitions = 4;
    options.waiting_bytes_max = 1 << 20;
    options.background = false;  // durable when the test says flush()
    return options;
  }
  http::Head head(std::size_t bytes, std::vector<std::pair<std::string, std::string>> headers) {
    http::Head head;
    head.method = "POST";
    head.path = "/v1/events";
    head.headers = std::move(headers);
    head.content_length = static_cast<std::int64_t>(bytes);
    return head;
  }
  void post(Answer& answer, const std::string& body, std::vector<std::pair<std::string, std::string>> headers = {}) {
    api().post_events(principal_, std::make_unique<TestExchange>(head(body.size(), std::move(headers)), body, answer));
  }
  // To the end, with everything made durable.
  Answer sent(const std::string& body, std::vector<std::pair<std::string, std::string>> headers = {}) {
    Answer answer;
    post(answer, body, std::move(headers));
    stream_.flush();
    EXPECT_EQ(answer.replies, 1);
    return answer;
  }
  IngestApi& api() {
    if (!api_) {
      api_ = std::make_unique<IngestApi>(stream_, failed_, clock_, metrics_, limits_);
    }
    return *api_;
  }
  std::size_t durable_events() {
    std::size_t events = 0;
    for (std::uint16_t i = 0; i < 4; ++i) {
      events += stream_.state(PartitionId(i)).durable_end.value;
    }
    return events;
  }

  KeptFailedEvents failed_;
  ManualClock clock_{kNow};
  Metrics metrics_;
  IngestLimits limits_;
  std::unique_ptr<IngestApi> api_;
  MemoryStream stream_{stream_options()};  // stops first
  Principal principal_{"default", kScopeWrite, "k3yK3yK3"};
};

TEST_F(Ingest, AnswersOnlyWhenEveryPartitionIsDurable) {
  Answer answer;
  post(answer,
       R"([{"event":"a","user_id":"u1"},{"event":"b","user_id":"u_bc7387b3c3d4"},{"event":"c","user_id":"u1"}])");
  EXPECT_EQ(answer.replies, 0);
  stream_.flush();
  ASSERT_EQ(answer.replies, 1);
  EXPECT_EQ(answer.response.status, 200);
  EXPECT_EQ(answer.response.body, R"({"accepted":3,"rejected":[],"rejected_count":0,"position":"1/1:2,2:1"})");
  EXPECT_TRUE(answer.response.any_origin);
  EXPECT_EQ(metrics_.get(Metric::kIngestAcceptedEvents), 3);
  EXPECT_EQ(metrics_.get(Metric::kIngestBytesInFlight), 0);
}

TEST_F(Ingest, WhatWasSentIsInTheStream) {
  sent(R"({"event":"a","user_id":"u1","properties":{"x":1}})");
  Result<std::unique_ptr<StreamReader>> reader = stream_.reader(PartitionId(1), SequenceNumber(0));
  Result<StreamEntry> entry = (*reader)->next();
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->received, kNow);
  RecordCursor cursor(entry->payload, entry->received);
  ASSERT_TRUE(cursor.next());
  EXPECT_EQ(cursor.event().project, "default");
  EXPECT_EQ(cursor.event().event, "a");
  EXPECT_EQ(cursor.event().time, kNow);
  EXPECT_EQ(cursor.event().properties, R"({"x":1})");
}

TEST_F(Ingest, BadEventsAreListedAndKept) {
  Answer answer = sent("{\"event\":\"a\"}\n{\"evnt\":\"b\"}\nbad\xff\n{\"event\":\"c\"}");
  EXPECT_EQ(answer.response.status, 200);
  Json json = answer.json();
  EXPECT_EQ(json.find("accepted")->integer(), 2);
  EXPECT_EQ(json.find("rejected_count")->integer(), 2);
  ASSERT_EQ(json.find("rejected")->items().size(), 2u);
  EXPECT_EQ(json.find("rejected")->items()[0].find("index")->integer(), 1);
  EXPECT_THAT(json.find("rejected")->items()[0].find("reason")->text(), HasSubstr("no field \"evnt\""));
  ASSERT_EQ(failed_.events.size(), 2u);
  EXPECT_EQ(failed_.events[1].raw, "{\"evnt\":\"b\"}");
  EXPECT_EQ(failed_.events[1].stage, "ingest");
  EXPECT_EQ(failed_.events[1].project, "default");
  EXPECT_EQ(failed_.events[1].at, kNow);
  EXPECT_FALSE(failed_.events[1].truncated);
  EXPECT_EQ(metrics_.get(Metric::kIngestRejectedEvents), 2);
}

TEST_F(Ingest, TheListOfRejectedIsBoundedAndTheCountIsNot) {
  std::string body = "{\"event\":\"a\"}\n";
  for (int i = 0; i < 250; ++i) {
    body += "bad\n";
  }
  Json json = sent(body).json();
  EXPECT_EQ(json.find("rejected")->items().size(), 100u);
  EXPECT_EQ(json.find("rejected_count")->integer(), 250);
  EXPECT_EQ(failed_.events.size(), 250u);
}

TEST_F(Ingest, WithoutAGoodEventTheAnswerIs400WithTheList) {
  Answer answer = sent("{\"event\":5}");
  EXPECT_EQ(answer.response.status, 400);
  EXPECT_EQ(answer.response.content_type, "application/problem+json");
  EXPECT_EQ(answer.problem_type(), "urn:millrace:error:no-valid-events");
  EXPECT_EQ(answer.json().find("accepted")->integer(), 0);
  EXPECT_EQ(answer.json().find("rejected")->items()[0].find("reason")->text(), "event must be a string");
  EXPECT_EQ(failed_.events.size(), 1u);
  EXPECT_EQ(durable_events(), 0u);
}

TEST_F(Ingest, AnEmptyBodyOrArrayIs400AndNotKept) {
  for (const char* body : {"", "[]", "\n"}) {
    Answer answer = sent(body);
    EXPECT_EQ(answer.response.status, 400);
    EXPECT_EQ(answer.problem_type(), "urn:millrace:error:no-valid-events");
  }
  EXPECT_TRUE(failed_.events.empty());
}

TEST_F(Ingest, ABrokenArrayIsRefusedAsAWholeAndKept) {
  Answer answer = sent("[{\"event\":\"a\"},{\"event\":");
  EXPECT_EQ(answer.response.status, 400);
  EXPECT_EQ(answer.problem_type(), "urn:millrace:error:invalid-request");
  EXPECT_EQ(durable_events(), 0u);
  ASSERT_EQ(failed_.events.size(), 1u);
  EXPECT_EQ(failed_.events[0].raw, "[{\"event\":\"a\"},{\"event\":");
}

TEST_F(Ingest, LongFailedEventsAreCutTo16KiB) {
  sent("{\"evnt\":\"" + std::string(20'000, 'x') + "\"}");
  ASSERT_EQ(failed_.events.size(), 1u);
  EXPECT_EQ(failed_.events[0].raw.size(), 16u << 10);
  EXPECT_TRUE(failed_.events[0].truncated);
}

TEST_F(Ingest, ContentTypesAreJsonLinesAndText) {
  for (const char* type : {"application/json", "Application/JSON; charset=utf-8", "text/plain;charset=UTF-8",
                           "text/plain ;x", "application/x-ndjson"}) {
    EXPECT_EQ(sent("{\"event\":\"a\"}", {{"content-type", type}}).response.status, 200) << type;
  }
  for (const char* type : {"application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", "text"}) {
    Answer answer = sent("{\"event\":\"a\"}", {{"content-type", type}});
    EXPECT_EQ(answer.response.status, 415) << type;
    EXPECT_EQ(answer.problem_type(), "urn:millrace:error:unsupported-media-type");
    EXPECT_FALSE(answer.body_was_asked_for);
  }
  EXPECT_EQ(sent("[{\"event\":\"a\"}]", {{"content-type", "application/x-ndjson"}}).response.status, 400);
}

TEST_F(Ingest, BodiesMayBeCompressed) {
  std::string body = "{\"event\":\"a\"}\n{\"event\":\"b\"}\nbad";
  std::string packed(ZSTD_compressBound(body.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), 1));
  Answer answer = sent(packed, {{"content-encoding", "zstd"}});
  EXPECT_EQ(answer.response.status, 200);
  EXPECT_EQ(answer.json().find("accepted")->integer(), 2);
  EXPECT_EQ(failed_.events.at(0).raw, "bad");

  answer = sent(packed.substr(0, packed.size() / 2), {{"content-encoding", "zstd"}});
  EXPECT_EQ(answer.response.status, 400);
  EXPECT_EQ(answer.problem_type(), "urn:millrace:error:invalid-request");
  answer = sent(body, {{"content-encoding", "br"}});
  EXPECT_EQ(answer.response.status, 415);
  EXPECT_EQ(answer.problem_type(), "urn:millrace:error:unsupported-encoding");
}

TEST_F(Ingest, TooLargeBodiesAre413) {
  limits_.body_bytes_max = 1'000;
  limits_.unpacked_bytes_max = 5'000;
  Answer answer = sent(std::string(1'001, ' '));
  EXPECT_EQ(answer.response.status, 413);
  EXPECT_EQ(answer.problem_type(), "urn:millrace:error:body-too-large");
  EXPECT_FALSE(answer.body_was_asked_for);

  std::string body(6'000, ' ');
  std::string packed(ZSTD_compressBound(body.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), body.data(), body.size(), 1));
  EXPECT_EQ(sent(packed, {{"content-encoding", "zstd"}}).response.status, 413);
}

TEST_F(Ingest, TooManyEventsAre413) {
  limits_.batch_events_max = 2;
  EXPECT_EQ(sent("{\"event\":\"a\"}\n{\"event\":\"a\"}").response.status, 200);
  EXPECT_EQ(sent("{\"event\":\"a\"}\n{\"event\":\"a\"}\n{\"event\":\"a\"}").response.status, 413);
  EXPECT_EQ(durable_events(), 2u);
}

TEST_F(Ingest, WhenRequestsWaitTooLongOthersAreRefusedByTheirHead) {
  Answer answer;
  std::string body = R"({"event":"x"})";
  auto exchange = std::make_unique<TestExchange>(head(body.size(), {}), body, answer);
  exchange->set_waiting_ms(limits_.waiting_ms_max);
  api().post_events(principal_, std::move(exchange));
  EXPECT_EQ(answer.response.status, 429);
  EXPECT_EQ(answer.header("Retry-After"), "1");
  EXPECT_FALSE(answer.body_was_asked_for);
  EXPECT_THAT(answer.response.body, HasSubstr("ingest.waiting_max"));
}

TEST_F(Ingest, BytesInFlightAreBoundedAndGivenBack) {
  limits_.in_flight_bytes_max = 100;
  std::string body = "{\"event\":\"a\",\"properties\":{\"x\":\"" + std::string(50, 'x') + "\"}}";
  Answer first;
  post(first, body);  // alone, it may take more than the bound
  EXPECT_EQ(first.replies, 0);
  Answer second;
  post(second, body);
  ASSERT_EQ(second.replies, 1);
  EXPECT_EQ(second.response.status, 429);
  EXPECT_EQ(second.problem_type(), "urn:millrace:error:too-many-requests");
  EXPECT_EQ(second.header("Retry-After"), "1");
  EXPECT_FALSE(second.body_was_asked_for);
  stream_.flush();
  EXPECT_EQ(first.response.status, 200);
  EXPECT_EQ(metrics_.get(Metric::kIngestBytesInFlight), 0);
  EXPECT_EQ(sent(body).response.status, 200);
}

TEST_F(Ingest, AChunkedBodyReservesTheLargestOne) {
  Answer answer;
  http::Head chunked = head(0, {});
  chunked.content_length = -1;
  std::string body = "{\"event\":\"a\"}";
  api().post_events(principal_, std::make_unique<TestExchange>(chunked, body, answer));
  EXPECT_EQ(answer.replies, 0);
  EXPECT_LT(metrics_.get(Metric::kIngestBytesInFlight), 1'000) << "what it didn't need is given back once it has come";
  EXPECT_GT(metrics_.get(Metric::kIngestBytesInFlight), 0);
  stream_.flush();
  EXPECT_EQ(answer.response.status, 200);

  limits_.in_flight_bytes_max = limits_.body_bytes_max;
  api_.reset();
  Answer waiting;
  post(waiting, body);
  Answer refused;
  api().post_events(principal_, std::make_unique<TestExchange>(chunked, body, refused));
  EXPECT_EQ(refused.response.status, 429);
  stream_.flush();
}

TEST_F(Ingest, ABodyThatTheServerRefusesGivesItsReservationBack) {
  Answer answer;
  http::Head chunked = head(0, {});
  chunked.content_length = -1;
  limits_.body_bytes_max = 1'000;
  api().post_events(principal_, std::make_unique<TestExchange>(chunked, std::string(2'000, ' '), answer));
  EXPECT_EQ(answer.replies, 0) << "the server answers 413 itself";
  EXPECT_EQ(metrics_.get(Metric::kIngestBytesInFlight), 0);
}

TEST_F(Ingest, AFailedDiskIs503BeforeTheBodyIsRead) {
  stream_.fail(unavailable("the disk failed"));
  Answer answer = sent("{\"event\":\"a\"}");
  EXPECT_EQ(answer.response.status, 503);
  EXPECT_EQ(answer.problem_type(), "urn:millrace:error:unavailable");
  EXPECT_EQ(answer.header("Retry-After"), "5");
  EXPECT_FALSE(answer.body_was_asked_for);
}

TEST_F(Ingest, ADiskThatFailsUnderARequestIs503AndNothingIsAcknowledged) {
  Answer answer;
  post(answer, "{\"event\":\"a\",\"user_id\":\"u1\"}\n{\"event\":\"b\",\"user_id\":\"u_bc7387b3c3d4\"}");
  stream_.fail(unavailable("the disk failed"));
  stream_.flush();
  ASSERT_EQ(answer.replies, 1);
  EXPECT_EQ(answer.response.status, 503);
  EXPECT_EQ(metrics_.get(Metric::kIngestAcceptedEvents), 0);
  EXPECT_EQ(metrics_.get(Metric::kIngestBytesInFlight), 0);
}

TEST_F(Ingest, AFullQueueIs429) {
  std::string body = "{\"event\":\"a\",\"properties\":{\"x\":\"" + std::string(700'000, 'x') + "\"}}";
  Answer first, second;
  post(first, body);
  post(second, body);
  ASSERT_EQ(second.replies, 1);
  EXPECT_EQ(second.response.status, 429);
  EXPECT_EQ(second.header("Retry-After"), "1");
  stream_.flush();
  EXPECT_EQ(first.response.status, 200);
}

TEST_F(Ingest, APartThatIsRefusedMakesTheWholeRequestUnacknowledged) {
  // The first partition's record fits into the queue, the second one's doesn't any more.
  std::string big(700'000, 'x');
  Answer answer;
  post(answer, R"({"event":"a","user_id":"u1","properties":{"x":")" + big + "\"}}\n" +
                   R"({"event":"b","user_id":"u_bc7387b3c3d4","properties":{"x":")" + big + "\"}}");
  EXPECT_EQ(answer.replies, 0) << "the part that was taken still uses the request's memory";
  stream_.flush();
  ASSERT_EQ(answer.replies, 1);
  EXPECT_EQ(answer.response.status, 429);
  EXPECT_EQ(metrics_.get(Metric::kIngestAcceptedEvents), 0);
}

TEST_F(Ingest, IdempotencyKeyMustBePrintableAndShort) {
  EXPECT_EQ(sent("{\"event\":\"a\"}", {{"idempotency-key", std::string(256, 'k')}}).response.status, 200);
  for (const std::string& key : {std::string(257, 'k'), std::string("k\xc3\xa9")}) {
    Answer answer = sent("{\"event\":\"a\"}", {{"idempotency-key", key}});
    EXPECT_EQ(answer.response.status, 400);
    EXPECT_EQ(answer.problem_type(), "urn:millrace:error:invalid-request");
  }
}

TEST_F(Ingest, FailedEventsAreListedNewestFirst) {
  sent("{\"event\":1}");
  clock_.advance(1'500'000'000);
  sent("\"\xff");
  failed_.add({kNow, "other", "ingest", "not yours", "", false, {}, {}, {}});
  auto get = [this](std::optional<std::string> limit) {
    Answer answer;
    http::Head head;
    head.method = "GET";
    if (limit) {
      head.query = {{"limit", *limit}};
    }
    api().get_failed(principal_, std::make_unique<TestExchange>(head, "", answer));
    EXPECT_EQ(answer.replies, 1);
    return answer;
  };
  Json json = get(std::nullopt).json();
  ASSERT_EQ(json.find("failed")->items().size(), 2u);
  const Json& newest = json.find("failed")->items()[0];
  EXPECT_EQ(newest.find("time")->text(), "2023-11-14T22:13:21.500Z");
  EXPECT_EQ(newest.find("stage")->text(), "ingest");
  EXPECT_THAT(newest.find("reason")->text(), HasSubstr("not valid JSON"));
  EXPECT_EQ(newest.find("raw")->text(), "\"\xef\xbf\xbd");
  EXPECT_FALSE(newest.find("truncated")->boolean());
  EXPECT_EQ(get("1").json().find("failed")->items().size(), 1u);
  for (const char* limit : {"0", "1001", "x", "", "1x", "-1"}) {
    EXPECT_EQ(get(limit).response.status, 400) << limit;
  }
}

http::Head head_with(const std::string& authorization, std::optional<std::string> key = std::nullopt) {
  http::Head head;
  if (!authorization.empty()) {
    head.headers = {{"authorization", authorization}};
  }
  if (key) {
    head.query = {{"key", *key}};
  }
  return head;
}

TEST(SecretOf, IsTheBearerTokenTheBasicUserOrTheParameter) {
  KeyInUrl in_url = KeyInUrl::kYes;
  EXPECT_EQ(secret_of(head_with("Bearer mr_abc"), in_url), "mr_abc");
  EXPECT_EQ(in_url, KeyInUrl::kNo);
  EXPECT_EQ(secret_of(head_with("bearer  mr_abc"), in_url), "mr_abc");
  EXPECT_EQ(secret_of(head_with("Basic bXJfYWJjOg=="), in_url), "mr_abc");
  EXPECT_EQ(secret_of(head_with("Basic bXJfYWJjOnBhc3M="), in_url), "mr_abc");
  EXPECT_EQ(secret_of(head_with("Basic bXJfYWJj"), in_url), "mr_abc") << "no colon: the user name alone";
  EXPECT_EQ(in_url, KeyInUrl::kNo);
  EXPECT_EQ(secret_of(head_with("", "mr_abc"), in_url), "mr_abc");
  EXPECT_EQ(in_url, KeyInUrl::kYes);
  EXPECT_EQ(secret_of(head_with("Bearer a", "b"), in_url), "a");
  EXPECT_EQ(in_url, KeyInUrl::kNo);
}

TEST(SecretOf, IsEmptyWhenThereIsNone) {
  KeyInUrl in_url = KeyInUrl::kNo;
  for (const char* header : {"", "Bearer", "Bearer ", "Digest x", "mr_abc", "Basic ****", "Basic "}) {
    EXPECT_EQ(secret_of(head_with(header), in_url), "") << header;
  }
}

}  // namespace
}  // namespace millrace
