#pragma once
// Makes the frames of all topics that somebody watches, on one thread, whoever many watch. Topics that nobody watches
// any more are kept for a minute, for those who come back.

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "http/fan_out.h"
#include "io/clock.h"
#include "io/thread.h"
#include "query/live/passes.h"
#include "query/live/topic.h"
#include "query/live_api.h"
#include "query/worker_pool.h"
#include "views/table.h"

namespace millrace {

// Safe from any thread.
class LiveHub {
 public:
  LiveHub(const LiveParts& parts, const LiveLimits& limits, http::FanOut& fan_out);
  ~LiveHub();  // stop()

  // The channels of the topics, each with something to read. kNotFound: a view that there isn't. kInvalid: a filter
  // that can't be asked. kFull: too many topics are watched.
  Result<std::vector<http::ChannelPtr>> open(const std::vector<TopicName>& names);

  Passes& passes() { return passes_; }
  // "columns", "rows", "seq", "as_of" of a view's buckets that begin in [from, to).
  Result<std::string> view_json(const ViewSpecPtr& spec, TimeNs from, TimeNs to);
  // The answer of a metric query, as JSON. Blocks.
  Result<std::string> ask(const std::string& project, const std::string& json);
  // One view as GET /v1/views lists it.
  void describe_view(JsonWriter& json, const ViewSpecPtr& spec);

  // Changes with each start of the program: begins the ids of events.
  const std::string& incarnation() const { return incarnation_; }
  void stop();

 private:
  struct Watched {
    std::unique_ptr<Topic> topic;
    TimeNs due = 0;     // monotonic
    TimeNs needed = 0;  // monotonic; when it had a reader last
  };
  void run();
  TimeNs step();  // gives when it is to be called next (monotonic)
  ViewTable& table_of(const ViewSpecPtr& spec);
  Result<std::unique_ptr<Topic>> make(const TopicName& name);
  std::uint64_t first_number();
  void forget_views();
  bool forget(const std::string& key, const Topic& topic);
  std::vector<http::ChannelPtr> open_already(const std::vector<TopicName>& names);  // empty unless all are

  const LiveParts parts_;
  const LiveLimits limits_;
  http::FanOut& fan_out_;
  Passes passes_;
  const std::string incarnation_;
  const TimeNs began_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;
  std::map<std::string, Watched> watched_;                    // by key
  std::mutex open_mutex_;                                     // taken last, and for a moment only
  std::map<std::string, std::weak_ptr<http::Channel>> open_;  // of watched_, by key
  std::map<ViewSpecPtr, std::unique_ptr<ViewTable>> tables_;
  TimeNs refresh_all_ = 0;  // monotonic
  std::unique_ptr<WorkerPool<std::function<void()>>> pool_;
  std::unique_ptr<Thread> thread_;
};

}  // namespace millrace
