#pragma once
// Lets inserts through, and keeps them apart from restarts of the engine: a restart begins when no insert is under way
// and none begins before it has ended. So an insert that began before a restart was sent to the process that the
// restart ended, and of several partitions whose inserts a restart broke off, none needs another.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>

#include "base/result.h"
#include "store/clickhouse/connection.h"

namespace millrace::clickhouse {

class InsertGate {
 public:
  // Waits while a restart is under way; then the connection may send. Gives the number of restarts so far.
  std::uint64_t enter(Connection& connection);
  void leave(Connection& connection);

  // Ok when a restart has ended since the insert that got `since` from enter(); calls `restart` for it if need be,
  // after it has broken off the inserts that are under way.
  Result<void> restarted_since(std::uint64_t since, const std::function<Result<void>()>& restart);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Connection*> under_way_;
  bool restarting_ = false;
  std::uint64_t restarts_ = 0;
};

}  // namespace millrace::clickhouse
