#pragma once
// What the tests of this module put in place of store, processor, stream and client.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "http/server.h"
#include "query/calendar.h"
#include "store/store.h"
#include "stream/progress.h"
#include "stream/stream.h"

namespace millrace {

// Records what it is asked, and answers what it is told. Queries wait while it is held.
class FakeStore final : public StoreReader {
 public:
  static constexpr TimeNs kOffset = 7'200'000'000'000;

  Result<QueryAnswer> query(const MetricQuery& query, const QueryBudget& budget) override {
    std::unique_lock lock(mutex_);
    queries_.push_back(query);
    budgets_.push_back(budget);
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    return answer ? answer(query) : one_count(query);
  }
  Result<std::vector<std::string>> events(const EventsQuery& query, const QueryBudget&) override {
    std::lock_guard lock(mutex_);
    events_queries_.push_back(query);
    return std::vector<std::string>{R"({"event":"signup"})"};
  }
  Result<SchemaAnswer> schema(const std::string& project, const QueryBudget&) override {
    SchemaAnswer schema;
    schema.events.push_back({"signup of " + project, 3, 0, 1'000'000'000});
    schema.fields.push_back({"properties.plan", "string", 3, 2, {"\"pro\"", "\"free\""}, true});
    schema.sampled_events = 3;
    return schema;
  }
  // Europe/Test is two hours before UTC all year; there is no other zone.
  Result<TimeNs> calendar(Every unit, TimeNs at, int steps, const std::string& time_zone) override {
    MR_TRY(check_zone(time_zone));
    MR_ASSIGN(TimeNs begin, Calendar(nullptr, "UTC").begin(unit, at + kOffset, steps));
    return begin - kOffset;
  }
  Result<TimeNs> instant(TimeNs local, const std::string& time_zone) override {
    MR_TRY(check_zone(time_zone));
    return local - kOffset;
  }
  Result<std::vector<TimeNs>> buckets(Every every, TimeNs from, TimeNs to, const std::string& time_zone) override {
    MR_TRY(check_zone(time_zone));
    MR_ASSIGN(std::vector<TimeNs> begins, Calendar(nullptr, "UTC").buckets(every, from + kOffset, to + kOffset));
    for (TimeNs& begin : begins) {
      begin -= kOffset;
    }
    return begins;
  }
  Result<void> ping() override { return {}; }

  void hold() {
    std::lock_guard lock(mutex_);
    held_ = true;
  }
  void let_go() {
    {
      std::lock_guard lock(mutex_);
      held_ = false;
    }
    changed_.notify_all();
  }
  void wait_for_queries(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return queries_.size() >= count; });
  }
  std::vector<MetricQuery> queries() const { return locked(queries_); }
  std::vector<QueryBudget> budgets() const { return locked(budgets_); }
  std::vector<EventsQuery> events_queries() const { return locked(events_queries_); }

  std::function<Result<QueryAnswer>(const MetricQuery&)> answer;  // set before the first question

 private:
  static Result<void> check_zone(const std::string& time_zone) {
    return time_zone == "Europe/Test" ? Result<void>() : Result<void>(invalid("no such zone"));
  }
  static Result<QueryAnswer> one_count(const MetricQuery& query) {
    QueryAnswer one;
    one.columns.push_back({query.measures[0].text, ColumnType::kInteger, "[42]"});
    one.rows = 1;
    one.rows_read = 100;
    return one;
  }
  template <typename Value>
  Value locked(const Value& value) const {
    std::lock_guard lock(mutex_);
    return value;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  std::vector<MetricQuery> queries_;
  std::vector<QueryBudget> budgets_;
  std::vector<EventsQuery> events_queries_;
};

// Partition 0 alone.
class FakeProgress final : public Progress {
 public:
  std::vector<PartitionProgress> partitions() const override {
    std::lock_guard lock(mutex_);
    PartitionProgress partition;
    partition.stored_until = stored_;
    partition.durable_end = SequenceNumber(100);
    partition.lag = 7'900'000;
    return {partition};
  }
  bool wait_stored(PartitionId, SequenceNumber until, std::int64_t timeout_ms) override {
    std::unique_lock lock(mutex_);
    return moved_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return stored_ >= until; });
  }
  void store_until(std::uint64_t end) {
    {
      std::lock_guard lock(mutex_);
      stored_ = SequenceNumber(end);
    }
    moved_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  SequenceNumber stored_{10};
};

// Generation 1, one partition with 100 durable events.
class FakeStream final : public Stream {
 public:
  Generation generation() const override { return Generation(1); }
  std::uint16_t partitions() const override { return 1; }
  Result<void> append(const Append&) override { return full("nothing is appended here"); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId, SequenceNumber) override {
    return not_found("no reader here");
  }
  PartitionState state(PartitionId) override { return {SequenceNumber(0), SequenceNumber(100), 0, 0}; }
  void wait_for(PartitionId, SequenceNumber, std::int64_t) override {}
  void release(PartitionId, SequenceNumber) override {}
  Result<void> health() override { return {}; }
  void stop() override {}
};

// A client: what it sent, and what it was answered.
class FakeClient {
 public:
  explicit FakeClient(std::string body = {}) : body_(std::move(body)) {}

  // One exchange of this client.
  std::unique_ptr<http::Exchange> exchange();
  http::Head head{"POST", "/v1/query", {}, {}, "127.0.0.1", 0};

  void leave() {
    std::lock_guard lock(line_->mutex);
    line_->gone = true;
  }
  // Waits for the answer, or for the exchange to be dropped (status 0).
  http::Response wait() {
    std::unique_lock lock(line_->mutex);
    line_->changed.wait(lock, [this] { return line_->done; });
    return line_->response;
  }
  Json json() {
    Result<Json> json = Json::parse(wait().body);
    return json.ok() ? *json : Json();
  }
  bool answered() {
    std::lock_guard lock(line_->mutex);
    return line_->done;
  }

 private:
  class FakeExchange;
  struct Line {
    void finish(http::Response with) {
      std::lock_guard lock(mutex);
      if (!done) {
        response = std::move(with);
        done = true;
      }
      changed.notify_all();
    }
    std::mutex mutex;
    std::condition_variable changed;
    bool gone = false;
    bool done = false;
    http::Response response;
  };

  std::string body_;
  std::shared_ptr<Line> line_ = std::make_shared<Line>();  // shared with the exchange, which may be let go of later
};

class FakeClient::FakeExchange final : public http::Exchange {
 public:
  explicit FakeExchange(const FakeClient& client) : line_(client.line_), head_(client.head), body_(client.body_) {}
  ~FakeExchange() override {
    http::Response dropped;
    dropped.status = 0;
    line_->finish(std::move(dropped));
  }
  const http::Head& head() const override { return head_; }
  void reply(http::Response response) override { line_->finish(std::move(response)); }
  Result<std::string_view> read() override { return std::string_view(); }
  Result<void> begin(int, std::vector<std::pair<std::string, std::string>>) override { return {}; }
  Result<void> write(std::string_view) override { return {}; }
  Result<void> end() override { return {}; }
  bool abandoned() override {
    std::lock_guard lock(line_->mutex);
    return line_->gone;
  }

 protected:
  void start_body(std::unique_ptr<http::Exchange> self, std::size_t, BodyHandler next) override {
    next(std::move(self), body_);
  }

 private:
  std::shared_ptr<Line> line_;
  http::Head head_;
  std::string body_;
};

inline std::unique_ptr<http::Exchange> FakeClient::exchange() { return std::make_unique<FakeExchange>(*this); }

}  // namespace millrace
