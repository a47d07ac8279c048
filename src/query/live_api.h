#pragma once
// What is live of the HTTP interface: GET /v1/live (server-sent events), and the views that feed it.
// docs/guides/live.md.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "control/control_log.h"
#include "control/keys.h"
#include "http/server.h"
#include "io/clock.h"
#include "model/query.h"
#include "store/store.h"
#include "views/views.h"

namespace millrace {

// All of it must outlive the API.
struct LiveParts {
  Views& views;
  ControlLog& control;
  StoreReader& store;
  Clock& clock;
  Metrics& metrics;
  std::function<std::string()> health;                  // what GET /v1/health says
  std::function<bool(const http::Head&)> admits;        // whether who sent this would be let in now
  QueryBudget budget;                                   // of a question that is watched
  std::function<std::string(const ViewSpec&)> trouble;  // what a view lacks; nothing to call where it lacks nothing
  bool tail = true;                                     // whether events come by here
};

struct LiveLimits {
  std::size_t viewers = 100'000;
  std::size_t viewers_tls = 64;  // each takes a thread
  std::size_t topics = 256;      // that are watched at once, by all together
  unsigned threads = 2;          // for questions that are watched
};

// Views of the configuration and those that are built in, and the ones that were made over HTTP. kInvalid names the
// view.
Result<void> declare_views(Views& views, ControlLog& control, const std::vector<std::string>& of_configuration,
                           const std::string& project);

// Safe from any thread.
class LiveApi {
 public:
  LiveApi(const LiveParts& parts, const LiveLimits& limits);
  ~LiveApi();  // stop()

  void get_live(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void list_views(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void get_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void create_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void delete_view(const Principal& principal, std::unique_ptr<http::Exchange> exchange);

  // The view events_by_minute against the store, as JSON: {"minutes","events","moving","differ","equal","remark"}.
  // `wait` returns when the store has all that came in before. Blocks.
  Result<std::string> verify_views(const std::function<bool()>& wait);

  // Closes all streams.
  void stop();

 private:
  class Desk;
  std::unique_ptr<Desk> desk_;
};

}  // namespace millrace
