#pragma once
// The questions' half of the HTTP interface: POST and GET /v1/query, GET /v1/schema, GET /v1/events. Who may ask has
// been checked by the router. The I/O threads only read bodies and answer; questions are read and run on a bounded pool
// of threads with a bounded queue, and every one has a budget of time, memory and rows.

#include <cstdint>
#include <memory>

#include "base/metrics.h"
#include "control/keys.h"
#include "http/server.h"
#include "io/clock.h"
#include "model/query.h"
#include "store/store.h"
#include "stream/progress.h"
#include "stream/stream.h"

namespace millrace {

struct QueryLimits {
  unsigned threads = 4;                  // questions that run at once
  std::size_t queue = 64;                // questions that wait for a thread; more are answered 429
  std::int64_t queue_ms_max = 10'000;    // one that has waited longer is answered 429
  QueryBudget budget;                    // of one question
  std::int64_t position_ms_max = 5'000;  // how long min_position is waited for
  std::size_t position_waiters = 256;    // questions that wait for a position
  std::size_t joined = 4'096;            // questions that wait for the answer of an equal one
  std::size_t kept_bytes = 32 << 20;     // answers that are kept for a second
  std::size_t body_bytes = 1 << 20;
};

// Safe from any thread. The references must outlive it.
class QueryApi {
 public:
  QueryApi(StoreReader& store, Progress& progress, Stream& stream, Clock& clock, Metrics& metrics,
           const QueryLimits& limits);
  ~QueryApi();  // stop()

  void post_query(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_query(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_schema(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_events(const Principal& principal, std::unique_ptr<http::Exchange> exchange);

  // Answers what waits with 503, and returns when what runs has been answered. Questions are refused from now on.
  void stop();

 private:
  class Desk;
  std::unique_ptr<Desk> desk_;
};

}  // namespace millrace
