#pragma once
// GET /v1/view-feed: what this server's processors fold into views, for the servers that merge it with what others
// fold (view_mirror.h). Internal to Millrace; docs/formats/view-feed.md has the bytes.

#include <functional>
#include <memory>

#include "control/keys.h"
#include "http/server.h"
#include "io/clock.h"
#include "stream/progress.h"
#include "views/views.h"

namespace millrace {

// All of it must outlive the feed.
struct ViewFeedParts {
  Views& views;  // which processors fold
  const Progress& progress;
  Generation generation;
  Clock& clock;
  std::function<bool(const http::Head&)> admits;  // whether who sent this would be let in now
};

struct ViewFeedLimits {
  std::size_t readers = 16;              // each takes a thread
  std::int64_t tick_ms = 250;            // how often what changed is told
  std::int64_t silence_ms = 1'000;       // and something is told at least so often
  std::size_t waiting_bytes = 64 << 20;  // of frames; a reader that needs older ones begins again
};

// Safe from any thread. Costs nothing while nobody reads.
class ViewFeed {
 public:
  ViewFeed(const ViewFeedParts& parts, const ViewFeedLimits& limits);
  ~ViewFeed();  // stop()

  void get_feed(const Principal& principal, std::unique_ptr<http::Exchange> exchange);
  void stop();

 private:
  class Desk;
  std::unique_ptr<Desk> desk_;
};

}  // namespace millrace
