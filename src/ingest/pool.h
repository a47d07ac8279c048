#pragma once
// Objects whose memory is worth keeping, for the next one who needs such a thing. Safe from any thread.

#include <memory>
#include <mutex>
#include <vector>

namespace millrace {

template <typename Object>
class Pool {
 public:
  explicit Pool(std::size_t kept_max) : kept_max_(kept_max) { kept_.reserve(kept_max); }

  // One that was given back, or what `make` makes.
  template <typename Make>
  std::unique_ptr<Object> take(Make make) {
    {
      std::lock_guard lock(mutex_);
      if (!kept_.empty()) {
        std::unique_ptr<Object> object = std::move(kept_.back());
        kept_.pop_back();
        return object;
      }
    }
    return make();
  }

  void give(std::unique_ptr<Object> object) {
    std::lock_guard lock(mutex_);
    if (kept_.size() < kept_max_) {
      kept_.push_back(std::move(object));
    }
  }

 private:
  const std::size_t kept_max_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Object>> kept_;
};

}  // namespace millrace
