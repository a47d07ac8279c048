#pragma once
// Jobs that wait until the store has a position (read-your-writes), on one thread of their own, so that waiting takes
// no worker from those who don't wait.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "io/clock.h"
#include "io/thread.h"
#include "query/as_of.h"

namespace millrace {

// Job: movable. Safe from any thread.
template <typename Job>
class PositionWaiter {
 public:
  using Then = std::function<void(Job job, bool reached)>;

  PositionWaiter(Progress& progress, const Stream& stream, Clock& clock, std::size_t jobs_max, std::int64_t wait_ms,
                 Then then)
      : progress_(progress),
        stream_(stream),
        clock_(clock),
        jobs_max_(jobs_max),
        wait_(wait_ms * 1'000'000),
        then_(std::move(then)),
        thread_("query-wait", [this] { run(); }) {}
  ~PositionWaiter() { stop(); }
  PositionWaiter(const PositionWaiter&) = delete;
  PositionWaiter& operator=(const PositionWaiter&) = delete;

  // Then `then` is called once, on the waiter's thread. False, and the job is left with the caller, when too many wait
  // already or after stop().
  bool add(Job& job, const Position& needed) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_ || waiting_.size() >= jobs_max_) {
        return false;
      }
      waiting_.push_back({std::move(job), needed, clock_.monotonic() + wait_});
    }
    changed_.notify_one();
    return true;
  }

  // Gives back those that still wait.
  std::vector<Job> stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
    std::vector<Job> left;
    for (Waiting& waiting : waiting_) {
      left.push_back(std::move(waiting.job));
    }
    waiting_.clear();
    return left;
  }

 private:
  // The store moves some times a second, and a wait is for one of the jobs only: the others are looked at this often.
  static constexpr std::int64_t kLookMs = 10;

  struct Waiting {
    Job job;
    Position needed;
    TimeNs deadline;
  };

  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) {
        return;
      }
      Position next = waiting_.front().needed;
      lock.unlock();
      wait_a_little(next);
      std::vector<std::pair<Job, bool>> done = take_done();
      for (auto& [job, reached] : done) {
        then_(std::move(job), reached);
      }
      lock.lock();
    }
  }

  void wait_a_little(const Position& needed) {
    AsOf as_of = take_as_of(progress_, stream_);
    for (const Position::End& end : needed.ends) {
      if (!covers(as_of, Position{needed.generation, {end}})) {
        progress_.wait_stored(end.partition, end.end, kLookMs);
        return;
      }
    }
  }

  std::vector<std::pair<Job, bool>> take_done() {
    AsOf as_of = take_as_of(progress_, stream_);
    TimeNs now = clock_.monotonic();
    std::vector<std::pair<Job, bool>> done;
    std::vector<Waiting> left;
    std::lock_guard lock(mutex_);
    for (Waiting& waiting : waiting_) {
      bool reached = covers(as_of, waiting.needed);
      if (reached || now >= waiting.deadline) {
        done.emplace_back(std::move(waiting.job), reached);
      } else {
        left.push_back(std::move(waiting));
      }
    }
    waiting_ = std::move(left);
    return done;
  }

  Progress& progress_;
  const Stream& stream_;
  Clock& clock_;
  const std::size_t jobs_max_;
  const TimeNs wait_;
  const Then then_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiting> waiting_;
  bool stopping_ = false;
  Thread thread_;  // last: it uses all of the above
};

}  // namespace millrace
