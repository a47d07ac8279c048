#pragma once
// One port of the engine: who may come in, how many at once, and what happens to queries that nobody waits for any
// more.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/runner.h"
#include "http/server.h"

namespace millrace::engine {

struct ServiceOptions {
  RunnerOptions runner;
  std::string user;
  std::string password;
  unsigned queries_max = 4;          // running at once
  unsigned waiting_max = 16;         // more are refused at once
  std::int64_t queue_ms_max = 5000;  // and these after so long
  // Stops a running query by its mark. Called from one thread.
  std::function<void(const std::string& mark)> kill;
  // The answer of GET /internal/status; null where there is none.
  std::function<std::string()> status;
};

class Service {
 public:
  Service(const ChdbAbi& abi, ServiceOptions options);
  ~Service();  // after the server that calls handle() has stopped; waits for the queries that run, killing them

  // For http::Server; doesn't block.
  void handle(std::unique_ptr<http::Exchange> exchange);
  unsigned running() const { return running_count_.load(); }

 private:
  struct Waiting {
    std::unique_ptr<http::Exchange> exchange;
    QueryRequest request;
    std::int64_t deadline_ns;
  };
  // What the watchdog sees of a query.
  struct Running {
    std::string mark;
    http::Exchange* exchange;
    std::mutex use;  // held by whoever calls a method of the exchange
    std::int64_t start_ns;
  };

  std::optional<Exception> refuse_stranger(const http::Head& head) const;
  void enqueue(std::unique_ptr<http::Exchange> exchange, QueryRequest request);
  void work();
  bool wait_for_slot(std::unique_lock<std::mutex>& lock, std::int64_t deadline_ns);
  void run(Waiting waiting);
  void watch();
  void look_after(Running& running, bool all);

  const ChdbAbi& abi_;
  ServiceOptions options_;
  std::mutex mutex_;
  std::condition_variable queued_;     // one more in waiting_, or stopping_
  std::condition_variable slot_free_;  // or stopping_
  std::condition_variable stop_;
  std::deque<Waiting> waiting_;
  unsigned idle_ = 0;
  unsigned slots_;
  bool stopping_ = false;
  std::mutex running_mutex_;
  std::list<Running> running_;
  std::atomic<unsigned> running_count_{0};
  std::uint64_t marks_ = 0;
  std::vector<std::thread> threads_;
  std::thread watchdog_;
};

}  // namespace millrace::engine
