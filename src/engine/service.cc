#include "engine/service.h"

#include <fmt/format.h>

#include "base/time_format.h"
#include "io/clock.h"

namespace millrace::engine {
namespace {

constexpr auto kWatchEvery = std::chrono::milliseconds(100);

Exception too_many() {
  return make_exception(kTooManySimultaneousQueries, "TOO_MANY_SIMULTANEOUS_QUERIES",
                        "Too many simultaneous queries; try again later");
}

}  // namespace

Service::Service(const ChdbAbi& abi, ServiceOptions options)
    : abi_(abi), options_(std::move(options)), slots_(options_.queries_max) {
  for (unsigned i = 0; i < options_.queries_max + options_.waiting_max; ++i) threads_.emplace_back([this] { work(); });
  watchdog_ = std::thread([this] { watch(); });
}

Service::~Service() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (std::condition_variable* each : {&queued_, &slot_free_, &stop_}) each->notify_all();
  for (std::thread& thread : threads_) thread.join();
  watchdog_.join();
}

void Service::handle(std::unique_ptr<http::Exchange> exchange) {
  const http::Head& head = exchange->head();
  if (head.method != "GET" && head.method != "POST") {
    return exchange->reply({405, "text/plain; charset=UTF-8", "Use GET or POST.\n", {{"Allow", "GET, POST"}}, true});
  }
  if (head.path == "/ping") return exchange->reply({200, "text/html; charset=UTF-8", "Ok.\n", {}, false});
  if (auto refused = refuse_stranger(head)) return exchange->reply(error_response(*refused, {}));
  if (head.path == "/internal/status" && options_.status) {
    return exchange->reply({200, "application/json", options_.status(), {}, false});
  }
  if (head.path != "/")
    return exchange->reply({404, "text/plain; charset=UTF-8", "There is nothing here.\n", {}, false});
  if (head.method == "GET" && head.parameter("query") == nullptr) {
    return exchange->reply({200, "text/html; charset=UTF-8", "Ok.\n", {}, false});
  }
  auto request = read_request(head);
  if (const auto* refused = std::get_if<Exception>(&request)) return exchange->reply(error_response(*refused, {}));
  enqueue(std::move(exchange), std::get<QueryRequest>(std::move(request)));
}

std::optional<Exception> Service::refuse_stranger(const http::Head& head) const {
  Credentials credentials = credentials_of(head);
  if (!credentials.given) return make_exception(kRequiredPassword, "REQUIRED_PASSWORD", "User and password are needed");
  bool user = equal_in_constant_time(credentials.user, options_.user);
  bool password = equal_in_constant_time(credentials.password, options_.password);
  if (user && password && !options_.password.empty()) return {};
  return make_exception(kAuthenticationFailed, "AUTHENTICATION_FAILED",
                        "Authentication failed: password is incorrect, or there is no user with such name.");
}

void Service::enqueue(std::unique_ptr<http::Exchange> exchange, QueryRequest request) {
  {
    std::lock_guard lock(mutex_);
    if (!stopping_ && waiting_.size() < idle_) {
      std::int64_t deadline = system_clock().monotonic() + options_.queue_ms_max * kMillisecond;
      waiting_.push_back({std::move(exchange), std::move(request), deadline});
    }
  }
  if (exchange) return exchange->reply(error_response(too_many(), request.query_id));
  queued_.notify_one();
}

void Service::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    queued_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (!wait_for_slot(lock, next.deadline_ns)) {
      lock.unlock();
      next.exchange->reply(error_response(too_many(), next.request.query_id));
      next.exchange.reset();
      lock.lock();
      continue;
    }
    lock.unlock();
    run(std::move(next));
    lock.lock();
    ++slots_;
    slot_free_.notify_one();
  }
}

bool Service::wait_for_slot(std::unique_lock<std::mutex>& lock, std::int64_t deadline_ns) {
  auto left = std::chrono::nanoseconds(deadline_ns - system_clock().monotonic());
  if (!slot_free_.wait_for(lock, left, [this] { return stopping_ || slots_ > 0; }) || stopping_) return false;
  --slots_;
  return true;
}

void Service::run(Waiting waiting) {
  std::list<Running>::iterator mine;
  {
    std::lock_guard lock(running_mutex_);
    mine = running_.emplace(running_.end());
    mine->mark = fmt::format("millrace-{}-{}", options_.runner.port == Port::kPublic ? "public" : "internal", ++marks_);
    mine->exchange = waiting.exchange.get();
    mine->start_ns = system_clock().monotonic();
  }
  running_count_.fetch_add(1);
  {
    Answer answer(*waiting.exchange, mine->use, waiting.request, mine->start_ns);
    Runner(abi_, options_.runner, mine->mark, *waiting.exchange, mine->use).run(waiting.request, answer);
  }
  running_count_.fetch_sub(1);
  std::lock_guard lock(running_mutex_);
  running_.erase(mine);
}

// Statements may raise their own limit by a SETTINGS clause; this one they can't.
void Service::watch() {
  while (true) {
    std::unique_lock lock(mutex_);
    stop_.wait_for(lock, kWatchEvery);
    bool stopping = stopping_;
    lock.unlock();
    if (stopping && running_count_.load() == 0) return;
    std::lock_guard running_lock(running_mutex_);
    for (Running& running : running_) look_after(running, stopping);
  }
}

void Service::look_after(Running& running, bool all) {
  std::int64_t limit_ns = options_.runner.execution_s_max * 1000 * kMillisecond;
  bool too_long = limit_ns > 0 && system_clock().monotonic() - running.start_ns > limit_ns + 1000 * kMillisecond;
  bool abandoned = false;
  if (std::unique_lock use(running.use, std::try_to_lock); use.owns_lock()) abandoned = running.exchange->abandoned();
  if (all || too_long || abandoned) options_.kill(running.mark);
}

}  // namespace millrace::engine
