#pragma once
// Whether the log can take events: shared by all its writers and its housekeeping. Safe from any thread.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/metrics.h"
#include "base/result.h"

namespace millrace {

class LogStatus {
 public:
  LogStatus(Metrics& metrics, std::size_t waiting_bytes_max)
      : metrics_(metrics), waiting_bytes_max_(waiting_bytes_max) {}

  // A write, sync or rename failed: nothing is taken or acknowledged any more. The first reason is kept and logged.
  void fail(const Error& reason);
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  void set_disk_full(std::optional<Error> reason);
  bool disk_full() const { return disk_full_.load(std::memory_order_relaxed); }

  // Ok, or why nothing can be taken.
  Result<void> check() const;

  // Counts bytes as waiting; false when the bound is reached. One append is always taken when nothing waits.
  bool take_bytes(std::size_t bytes);
  void give_bytes(std::size_t bytes) { waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  Metrics& metrics_;
  const std::size_t waiting_bytes_max_;
  std::atomic<std::size_t> waiting_bytes_ = 0;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> disk_full_ = false;
  mutable std::mutex mutex_;  // guards the reasons
  std::optional<Error> failure_;
  std::optional<Error> disk_full_reason_;
};

}  // namespace millrace
