#include "stream/log/log_status.h"

#include "base/log.h"

namespace millrace {

void LogStatus::fail(const Error& reason) {
  std::lock_guard lock(mutex_);
  if (failure_) {
    return;
  }
  failure_ = unavailable("the log can't be written since " + reason.message + "; restart when the disk is in order");
  failed_.store(true, std::memory_order_release);
  metrics_.set(Metric::kStreamFailed, 1);
  log_error("a write to the log failed: nothing is acknowledged until a restart", {{"reason", reason.message}});
}

void LogStatus::set_disk_full(std::optional<Error> reason) {
  std::lock_guard lock(mutex_);
  bool was_full = disk_full_.exchange(reason.has_value());
  if (reason && !was_full) {
    log_error("the disk is nearly full: events are refused", {{"reason", reason->message}});
  } else if (!reason && was_full) {
    log_info("there is space on the disk again: events are taken");
  }
  disk_full_reason_ = std::move(reason);
}

Result<void> LogStatus::check() const {
  if (!failed_.load(std::memory_order_acquire) && !disk_full_.load(std::memory_order_relaxed)) {
    return {};
  }
  std::lock_guard lock(mutex_);
  if (failure_) {
    return *failure_;
  }
  if (disk_full_reason_) {
    return *disk_full_reason_;
  }
  return {};
}

bool LogStatus::take_bytes(std::size_t bytes) {
  std::size_t waiting = waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (waiting == 0 || waiting + bytes <= waiting_bytes_max_) {
    return true;
  }
  waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

}  // namespace millrace
