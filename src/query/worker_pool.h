#pragma once
// Threads that work off a bounded queue.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "io/thread.h"

namespace millrace {

// Job: movable. `work` runs on one of the pool's threads, for one job at a time each. Safe from any thread.
template <typename Job>
class WorkerPool {
 public:
  WorkerPool(unsigned threads, std::size_t queue_max, std::function<void(Job)> work)
      : queue_max_(queue_max), work_(std::move(work)) {
    for (unsigned i = 0; i < threads; ++i) {
      threads_.emplace_back("query", [this] { run(); });
    }
  }
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and the job is left with the caller, when every thread has work and the queue is full, or after stop().
  bool submit(Job& job) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_ || (idle() == 0 && queue_.size() >= queue_max_)) {
        return false;
      }
      queue_.push_back(std::move(job));
    }
    ready_.notify_one();
    return true;
  }

  // Waits for the jobs that run; gives those back that have not begun.
  std::vector<Job> stop() {
    std::vector<Job> left;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      std::move(queue_.begin(), queue_.end(), std::back_inserter(left));
      queue_.clear();
    }
    ready_.notify_all();
    threads_.clear();  // joins
    return left;
  }

 private:
  // Threads that have nothing to do and no job in the queue meant for them.
  std::size_t idle() const {
    std::size_t taken = busy_ + queue_.size();
    return taken < threads_.size() ? threads_.size() - taken : 0;
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) {
        return;
      }
      Job job = std::move(queue_.front());
      queue_.pop_front();
      ++busy_;
      lock.unlock();
      work_(std::move(job));
      lock.lock();
      --busy_;
    }
  }

  const std::size_t queue_max_;
  const std::function<void(Job)> work_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> queue_;
  std::size_t busy_ = 0;
  bool stopping_ = false;
  std::vector<Thread> threads_;
};

}  // namespace millrace
