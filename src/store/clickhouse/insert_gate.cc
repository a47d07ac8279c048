#include "store/clickhouse/insert_gate.h"

#include <chrono>

namespace millrace::clickhouse {

std::uint64_t InsertGate::enter(Connection& connection) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !restarting_; });
  under_way_.insert(&connection);
  return restarts_;
}

void InsertGate::leave(Connection& connection) {
  {
    std::lock_guard lock(mutex_);
    under_way_.erase(&connection);
  }
  changed_.notify_all();
}

Result<void> InsertGate::restarted_since(std::uint64_t since, const std::function<Result<void>()>& restart) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !restarting_; });
  if (restarts_ > since) return {};
  restarting_ = true;
  while (!under_way_.empty()) {
    // A cancel that comes before its send has begun is without effect: so once more.
    for (Connection* connection : under_way_) connection->cancel();
    changed_.wait_for(lock, std::chrono::milliseconds(20), [&] { return under_way_.empty(); });
  }
  lock.unlock();
  Result<void> result = restart();
  lock.lock();
  restarting_ = false;
  if (result.ok()) ++restarts_;
  lock.unlock();
  changed_.notify_all();
  return result;
}

}  // namespace millrace::clickhouse
