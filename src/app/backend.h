#pragma once
// The part behind the log: engine, store, processors. Opened on a thread of its own, which tries until it has come up.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "app/health.h"
#include "app/late.h"
#include "app/options.h"
#include "app/roles.h"
#include "io/clock.h"
#include "io/thread.h"
#include "process/runner.h"
#include "stream/failed_events.h"
#include "stream/kafka/kafka_group.h"
#include "views/views.h"

namespace millrace {

struct BackendParts {
  const SettingValues& settings;
  Roles roles;
  std::string data;
  std::string program;
  Stream& stream;
  FailedEvents& failed;
  FileSystem& files;
  Clock& clock;
  Metrics& metrics;
  Health& health;
  LateStore& store;
  LateProgress& progress;
  Views& views;
};

class Backend {
 public:
  explicit Backend(BackendParts parts);
  ~Backend();  // stop(0)

  // Processors bring what they can into the store within `drain_ms`; then the engine ends. Questions must have ended.
  void stop(std::int64_t drain_ms);
  // A second view of the store for `verify`, whose calls don't meet the processors'. kUnavailable while there is none.
  Result<std::unique_ptr<ClickHouseStore>> open_store();

 private:
  void keep_opening();
  Result<void> open();
  Result<void> open_engine();
  ClickHouseOptions store_options();

  BackendParts parts_;
  std::unique_ptr<engine::Supervisor> engine_;
  std::unique_ptr<ClickHouseStore> store_;
  std::unique_ptr<ProcessorRunner> runner_;
  std::unique_ptr<PartitionGroup> group_;  // after the runner, which it calls
  std::atomic<std::int64_t> hand_over_ms_;
  std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;
  bool opened_ = false;
  std::unique_ptr<Thread> opener_;
};

}  // namespace millrace
