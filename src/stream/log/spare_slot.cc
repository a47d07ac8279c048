#include "stream/log/spare_slot.h"

#include <utility>

namespace millrace {

Result<std::optional<Spare>> SpareSlot::take() {
  std::lock_guard lock(mutex_);
  if (closed_ || (!spare_ && refusal_)) {
    return *refusal_;
  }
  return std::exchange(spare_, std::nullopt);
}

void SpareSlot::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return spare_ || refusal_; });
}

void SpareSlot::put(Spare spare) {
  {
    std::lock_guard lock(mutex_);
    spare_ = std::move(spare);
    if (!closed_) {
      refusal_.reset();
    }
  }
  changed_.notify_all();
}

bool SpareSlot::empty() const {
  std::lock_guard lock(mutex_);
  return !spare_;
}

void SpareSlot::refuse(Error reason) {
  {
    std::lock_guard lock(mutex_);
    if (!closed_) {
      refusal_ = std::move(reason);
    }
  }
  changed_.notify_all();
}

void SpareSlot::close(Error reason) {
  {
    std::lock_guard lock(mutex_);
    refusal_ = std::move(reason);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace millrace
