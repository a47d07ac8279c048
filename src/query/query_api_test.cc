#include "query/query_api.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_format.h"
#include "io/thread.h"
#include "query/fakes_for_test.h"

namespace millrace {
namespace {

constexpr std::string_view kWeek = R"({"range":["2026-03-01","2026-03-08"]})";

class QueryApiTest : public testing::Test {
 protected:
  void SetUp() override { start({}); }
  void start(const QueryLimits& limits) {
    api_.reset();
    api_ = std::make_unique<QueryApi>(store_, progress_, stream_, clock_, metrics_, limits);
  }
  // A query that nothing else equals.
  static std::string other(int number) {
    return R"({"range":["2026-03-01","2026-03-08"],"limit":)" + std::to_string(number) + "}";
  }
  void post(FakeClient& client) { api_->post_query(reader_, client.exchange()); }
  // The answer's status and its type (of a problem) or its count.
  std::string outcome(FakeClient& client) {
    http::Response response = client.wait();
    Json json = client.json();
    if (const Json* type = json.find("type")) {
      EXPECT_EQ(response.content_type, "application/problem+json");
      return std::to_string(response.status) + " " + type->text();
    }
    return std::to_string(response.status);
  }
  std::string detail(FakeClient& client) {
    Json json = client.json();
    return json.find("detail") != nullptr ? json.find("detail")->text() : "";
  }

  Principal reader_{"shop", kScopeRead, "key"};
  FakeStore store_;
  FakeProgress progress_;
  FakeStream stream_;
  ManualClock clock_{1'773'847'800 * kSecond};  // 2026-03-18T15:30:00Z
  Metrics metrics_;
  std::unique_ptr<QueryApi> api_;
};

TEST_F(QueryApiTest, AnswersInColumnsWithWhatItIsAPictureOf) {
  FakeClient client{std::string(kWeek)};
  post(client);
  EXPECT_EQ(
      client.wait().body,
      R"({"columns":[{"name":"count","type":"integer","values":[42]}],"rows":1,)"
      R"("as_of":{"position":"1/0:10","lag_ms":7,"partitions":[{"partition":0,"stored_until":10,"durable_end":100,"lag_ms":7}]},)"
      R"("elapsed_ms":0,"rows_read":100,"cut":null})");
  EXPECT_EQ(client.wait().status, 200);
  EXPECT_EQ(client.wait().content_type, "application/json");
  EXPECT_EQ(store_.queries()[0].project, "shop");
}

TEST_F(QueryApiTest, TheSameByUrl) {
  FakeClient client;
  client.head = {"GET", "/v1/query", {{"range", "2026-03-01,2026-03-08"}, {"measures", "count"}}, {}, "127.0.0.1", 0};
  api_->get_query(reader_, client.exchange());
  EXPECT_EQ(client.wait().status, 200);
  EXPECT_EQ(store_.queries().size(), 1u);
}

TEST_F(QueryApiTest, ASeriesIsFilledAndComparedWithThePeriodBefore) {
  store_.answer = [](const MetricQuery& query) -> Result<QueryAnswer> {
    QueryAnswer answer;
    TimeNs second_day = query.from + 86'400 * kSecond;
    answer.columns.push_back({"time", ColumnType::kTime, "[" + std::to_string(second_day / 1'000'000) + "]"});
    answer.columns.push_back({"count", ColumnType::kInteger, query.from == 1'772'496'000 * kSecond ? "[5]" : "[3]"});
    answer.rows = 1;
    answer.rows_read = 10;
    return answer;
  };
  FakeClient client{R"({"range":["2026-03-03","2026-03-05"],"every":"day","compare":"previous"})"};
  post(client);
  Json json = client.json();
  ASSERT_NE(json.find("previous"), nullptr) << client.wait().body;
  auto values = [](const Json& part, std::size_t column) {
    return JsonWriter().value(*part.find("columns")->items().at(column).find("values")).text();
  };
  EXPECT_EQ(values(json, 0), "[1772496000000,1772582400000]");
  EXPECT_EQ(values(json, 1), "[0,5]");
  EXPECT_EQ(values(*json.find("previous"), 0), "[1772323200000,1772409600000]");
  EXPECT_EQ(values(*json.find("previous"), 1), "[0,3]");
  EXPECT_EQ(json.find("rows_read")->integer(), 20);
}

TEST_F(QueryApiTest, WrongQueriesAreExplained) {
  FakeClient client{R"({"range":"7d","by":["evnt"]})"};
  post(client);
  EXPECT_EQ(outcome(client), "400 urn:millrace:error:invalid-query");
  EXPECT_THAT(detail(client), testing::StartsWith("by[0]: unknown field \"evnt\"; use e"));
  FakeClient packed{std::string(kWeek)};
  packed.head.headers = {{"content-encoding", "gzip"}};
  post(packed);
  EXPECT_EQ(outcome(packed), "415 urn:millrace:error:unsupported-encoding");
  FakeClient by_url;
  by_url.head.query = {{"rang", "7d"}};
  api_->get_query(reader_, by_url.exchange());
  EXPECT_EQ(outcome(by_url), "400 urn:millrace:error:invalid-query");
  EXPECT_EQ(metrics_.get(Metric::kQueryFailures), 3);
  EXPECT_TRUE(store_.queries().empty());
}

TEST_F(QueryApiTest, TheStoresErrorsBecomeProblems) {
  const std::pair<Error, const char*> kCases[] = {
      {invalid("no"), "400 urn:millrace:error:invalid-query"},
      {full("memory"), "422 urn:millrace:error:query-limit"},
      {unavailable("down"), "503 urn:millrace:error:store-unavailable"},
      {unknown_outcome("reset"), "503 urn:millrace:error:store-unavailable"},
      {corrupt("damaged"), "500 urn:millrace:error:store-damaged"},
  };
  Error error;
  store_.answer = [&](const MetricQuery&) -> Result<QueryAnswer> { return error; };
  for (const auto& [returned, expected] : kCases) {
    error = returned;
    FakeClient client{std::string(kWeek)};
    post(client);
    EXPECT_EQ(outcome(client), expected);
    EXPECT_NE(detail(client).find(returned.message), std::string::npos);
  }
}

TEST_F(QueryApiTest, ACutAnswerSaysByWhatAndIsNotKept) {
  store_.answer = [](const MetricQuery&) -> Result<QueryAnswer> {
    QueryAnswer answer;
    answer.columns.push_back({"count", ColumnType::kInteger, "[1]"});
    answer.rows = 1;
    answer.cut = "time";
    return answer;
  };
  for (int i = 0; i < 2; ++i) {
    FakeClient client{std::string(kWeek)};
    post(client);
    EXPECT_EQ(client.json().find("cut")->text(), "time");
    EXPECT_NE(client.json().find("hint"), nullptr);
  }
  EXPECT_EQ(store_.queries().size(), 2u);
}

TEST_F(QueryApiTest, BudgetsReachTheStore) {
  QueryLimits limits;
  limits.budget = {500, 1000, 7};
  start(limits);
  FakeClient whole{std::string(kWeek)};
  post(whole);
  whole.wait();
  FakeClient less{R"({"range":["2026-03-01","2026-03-08"],"max_time_ms":50})"};
  post(less);
  less.wait();
  ASSERT_EQ(store_.budgets().size(), 2u);
  EXPECT_EQ(store_.budgets()[0].time_ms, 500);
  EXPECT_EQ(store_.budgets()[0].rows_read, 7);
  EXPECT_EQ(store_.budgets()[1].time_ms, 50);
  EXPECT_EQ(store_.budgets()[1].memory_bytes, 1000);
}

// ---- bounds ----

TEST_F(QueryApiTest, AFullQueueIsRefusedAtOnce) {
  QueryLimits limits;
  limits.threads = 1;
  limits.queue = 1;
  start(limits);
  store_.hold();
  FakeClient runs{other(1)}, waits{other(2)}, refused{other(3)};
  post(runs);
  store_.wait_for_queries(1);
  post(waits);
  post(refused);
  EXPECT_EQ(outcome(refused), "429 urn:millrace:error:too-many-requests");
  EXPECT_EQ(refused.wait().headers, (std::vector<std::pair<std::string, std::string>>{{"Retry-After", "1"}}));
  store_.let_go();
  EXPECT_EQ(runs.wait().status, 200);
  EXPECT_EQ(waits.wait().status, 200);
}

TEST_F(QueryApiTest, WhatWaitedTooLongIsRefusedInsteadOfRun) {
  QueryLimits limits;
  limits.threads = 1;
  limits.queue_ms_max = 1000;
  start(limits);
  store_.hold();
  FakeClient runs{other(1)}, late{other(2)};
  post(runs);
  store_.wait_for_queries(1);
  post(late);
  clock_.advance(1001 * 1'000'000);
  store_.let_go();
  EXPECT_EQ(outcome(late), "429 urn:millrace:error:too-many-requests");
  EXPECT_EQ(runs.wait().status, 200);
  EXPECT_EQ(store_.queries().size(), 1u);
}

TEST_F(QueryApiTest, NothingIsRunForAClientThatHasLeft) {
  QueryLimits limits;
  limits.threads = 1;
  start(limits);
  store_.hold();
  FakeClient runs{other(1)}, gone{other(2)};
  post(runs);
  store_.wait_for_queries(1);
  post(gone);
  gone.leave();
  store_.let_go();
  EXPECT_EQ(gone.wait().status, 0);
  EXPECT_EQ(runs.wait().status, 200);
  EXPECT_EQ(store_.queries().size(), 1u);
}

TEST_F(QueryApiTest, StopAnswersWhatRunsAndRefusesTheRest) {
  QueryLimits limits;
  limits.threads = 1;
  start(limits);
  store_.hold();
  FakeClient runs{other(1)}, waits{other(2)}, positioned{R"({"range":"7d","min_position":"1/0:50"})"};
  post(runs);
  store_.wait_for_queries(1);
  post(waits);
  Thread stopper("stopper", [this] { api_->stop(); });
  EXPECT_FALSE(runs.answered());
  store_.let_go();
  EXPECT_EQ(runs.wait().status, 200);
  stopper.join();
  // Either it was still waiting, or the thread had just taken it.
  EXPECT_TRUE(outcome(waits) == "503 urn:millrace:error:stopping" || outcome(waits) == "200") << outcome(waits);
  post(positioned);
  EXPECT_EQ(outcome(positioned), "429 urn:millrace:error:too-many-requests");
}

// ---- equal questions ----

TEST_F(QueryApiTest, EqualQueriesInFlightAreRunOnce) {
  QueryLimits limits;
  limits.threads = 2;
  start(limits);
  store_.hold();
  FakeClient first{std::string(kWeek)}, second{std::string(kWeek)}, third{std::string(kWeek)}, last{other(9)};
  post(first);
  store_.wait_for_queries(1);
  post(second);
  post(third);
  post(last);  // runs on the thread that has dealt with the second and the third
  store_.wait_for_queries(2);
  store_.let_go();
  EXPECT_EQ(second.wait().body, first.wait().body);
  EXPECT_EQ(third.wait().body, first.wait().body);
  EXPECT_EQ(last.wait().status, 200);
  EXPECT_EQ(store_.queries().size(), 2u);
}

TEST_F(QueryApiTest, AnErrorIsSharedButNotKept) {
  std::atomic<int> calls = 0;
  store_.answer = [&](const MetricQuery&) -> Result<QueryAnswer> { return ++calls, unavailable("down"); };
  for (int i = 1; i <= 2; ++i) {
    FakeClient client{std::string(kWeek)};
    post(client);
    EXPECT_EQ(outcome(client), "503 urn:millrace:error:store-unavailable");
    EXPECT_EQ(calls, i);
  }
}

TEST_F(QueryApiTest, AnAnswerIsKeptForASecondUnlessTheStoreMoves) {
  auto queries_after = [&] {
    FakeClient client{std::string(kWeek)};
    post(client);
    EXPECT_EQ(client.wait().status, 200);
    return store_.queries().size();
  };
  EXPECT_EQ(queries_after(), 1u);
  EXPECT_EQ(queries_after(), 1u);
  progress_.store_until(11);
  EXPECT_EQ(queries_after(), 2u);
  EXPECT_EQ(queries_after(), 2u);
  clock_.advance(1001 * 1'000'000);
  EXPECT_EQ(queries_after(), 3u);
}

TEST_F(QueryApiTest, AnotherProjectIsAnotherQuestion) {
  FakeClient ours{std::string(kWeek)}, theirs{std::string(kWeek)};
  post(ours);
  ours.wait();
  api_->post_query({"other", kScopeRead, "key"}, theirs.exchange());
  theirs.wait();
  ASSERT_EQ(store_.queries().size(), 2u);
  EXPECT_EQ(store_.queries()[1].project, "other");
}

TEST_F(QueryApiTest, WhoeverNeedsAPositionDoesNotJoinAnOlderPicture) {
  QueryLimits limits;
  limits.threads = 2;
  start(limits);
  store_.hold();
  FakeClient old{std::string(kWeek)}, fresh{R"({"range":["2026-03-01","2026-03-08"],"min_position":"1/0:20"})"};
  post(old);
  store_.wait_for_queries(1);
  progress_.store_until(20);
  post(fresh);
  store_.wait_for_queries(2);
  store_.let_go();
  EXPECT_EQ(fresh.json().find("as_of")->find("position")->text(), "1/0:20");
  EXPECT_EQ(old.json().find("as_of")->find("position")->text(), "1/0:10");
}

// ---- positions ----

TEST_F(QueryApiTest, APositionIsWaitedFor) {
  FakeClient client{R"({"range":"7d","min_position":"1/0:20"})"};
  post(client);
  progress_.store_until(20);
  EXPECT_EQ(client.json().find("as_of")->find("position")->text(), "1/0:20");
}

TEST_F(QueryApiTest, WaitingForAPositionTakesNoThread) {
  QueryLimits limits;
  limits.threads = 1;
  start(limits);
  FakeClient waits{R"({"range":"7d","min_position":"1/0:20"})"}, other_client{std::string(kWeek)};
  post(waits);
  post(other_client);
  EXPECT_EQ(other_client.wait().status, 200);
  EXPECT_FALSE(waits.answered());
  progress_.store_until(20);
  EXPECT_EQ(waits.wait().status, 200);
}

TEST_F(QueryApiTest, APositionThatIsNotReachedInTimeIsAProblem) {
  QueryLimits limits;
  limits.position_ms_max = 0;
  start(limits);
  FakeClient client{R"({"range":"7d","min_position":"1/0:20"})"};
  post(client);
  EXPECT_EQ(outcome(client), "503 urn:millrace:error:position-not-reached");
  EXPECT_EQ(client.wait().headers.size(), 1u);
  EXPECT_TRUE(store_.queries().empty());
}

TEST_F(QueryApiTest, TooManyThatWaitForPositionsAreRefused) {
  QueryLimits limits;
  limits.position_waiters = 0;
  start(limits);
  FakeClient client{R"({"range":"7d","min_position":"1/0:20"})"};
  post(client);
  EXPECT_EQ(outcome(client), "429 urn:millrace:error:too-many-requests");
}

TEST_F(QueryApiTest, PositionsThatWereNeverGivenAreRefusedAtOnce) {
  for (const char* position : {"2/0:5", "1/1:5", "1/0:101"}) {
    FakeClient client{std::string(R"({"range":"7d","min_position":")") + position + "\"}"};
    post(client);
    EXPECT_EQ(outcome(client), "400 urn:millrace:error:invalid-query") << position;
    EXPECT_THAT(detail(client), testing::StartsWith("min_position: "));
  }
}

// ---- the other questions ----

TEST_F(QueryApiTest, EventsAreFilteredAndBounded) {
  FakeClient client;
  client.head.query = {{"where", "event = signup"}, {"limit", "5"}, {"range", "2026-03-01,2026-03-02"}};
  api_->get_events(reader_, client.exchange());
  EXPECT_EQ(client.wait().body.substr(0, 47), R"({"events":[{"event":"signup"}],"rows":1,"as_of")");
  ASSERT_EQ(store_.events_queries().size(), 1u);
  EXPECT_EQ(store_.events_queries()[0].limit, 5u);
  EXPECT_EQ(store_.events_queries()[0].project, "shop");
  FakeClient wrong;
  wrong.head.query = {{"limit", "1001"}};
  api_->get_events(reader_, wrong.exchange());
  EXPECT_EQ(outcome(wrong), "400 urn:millrace:error:invalid-query");
}

TEST_F(QueryApiTest, TheSchemaNamesEventsAndFields) {
  FakeClient client;
  api_->get_schema(reader_, client.exchange());
  EXPECT_EQ(
      client.wait().body.substr(0, client.wait().body.find(",\"as_of\"")),
      R"({"events":[{"event":"signup of shop","count":3,"first":"1970-01-01T00:00:00Z","last":"1970-01-01T00:00:01Z"}],)"
      R"("fields":[{"name":"properties.plan","type":"string","events":3,"cardinality":2,"examples":["pro","free"],)"
      R"("declared":true}],"sampled_events":3)");
  FakeClient wrong;
  wrong.head.query = {{"limit", "1"}};
  api_->get_schema(reader_, wrong.exchange());
  EXPECT_EQ(outcome(wrong), "400 urn:millrace:error:invalid-query");
}

}  // namespace
}  // namespace millrace
