#include "http/fan_out.h"

#include <algorithm>
#include <deque>

#include <sys/resource.h>

#include "http/reactor.h"

namespace millrace::http {
namespace {

constexpr std::size_t kSpareDescriptors = 64;
constexpr std::size_t kComingMax = 8'192;  // readers; each has a descriptor in everybody's table meanwhile
constexpr std::int64_t kTryEveryMs = 2;    // while the reactors' queues are full

// Of one table.
std::size_t descriptors_max() {
  rlimit limit{};
  bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  std::size_t all = known ? static_cast<std::size_t>(limit.rlim_cur) : std::size_t{1} << 20;
  return all > 2 * kSpareDescriptors ? all - kSpareDescriptors : all / 2;
}

class ReactorFanOut final : public FanOut {
 public:
  ReactorFanOut(FanOutLimits limits, Metrics& metrics) : limits_(limits), metrics_(metrics) {
    limits_.readers_per_reactor = std::min(limits_.readers_per_reactor, descriptors_max());
  }
  ~ReactorFanOut() override { stop(); }

  Result<void> add(int socket, Reader reader) override {
    UniqueFd fd(socket);
    std::lock_guard lock(mutex_);
    if (stopped_ || readers() >= limits_.readers) return full("there are as many viewers as are taken");
    if (coming_.size() == kComingMax) return full("too many viewers come at once");
    coming_.push_back({std::move(fd), std::make_unique<Reader>(std::move(reader))});
    if (std::int64_t now = now_ms(); coming_.size() == 1 || now >= next_try_ms_) {
      if (send_on()) next_try_ms_ = now + kTryEveryMs;
    }
    return {};
  }

  bool hand_over() override {
    std::lock_guard lock(mutex_);
    return send_on();
  }

  bool room() const override {
    std::lock_guard lock(mutex_);
    return !stopped_ && readers() < limits_.readers;
  }

  void wake() override {
    std::lock_guard lock(mutex_);
    for (auto& reactor : reactors_) reactor->wake();
  }

  void stop() override {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    coming_.clear();
    reactors_.clear();
  }

 private:
  std::size_t readers() const {
    std::size_t all = coming_.size();
    for (const auto& reactor : reactors_) all += reactor->readers();
    return all;
  }

  // True when some still wait.
  bool send_on() {
    while (!coming_.empty()) {
      Result<bool> sent = send_some();
      if (!sent.ok()) coming_.pop_front();  // there is no other reactor, and none can be made: it is closed
      if (sent.ok() && !*sent) return true;
    }
    return false;
  }

  // To the reactor with the fewest whose queue has a place; false when none has.
  Result<bool> send_some() {
    auto fewer = [](const auto& a, const auto& b) { return a->readers() < b->readers(); };
    std::sort(reactors_.begin(), reactors_.end(), fewer);
    bool all_full = true;
    for (auto& reactor : reactors_) {
      if (reactor->readers() >= limits_.readers_per_reactor) continue;
      all_full = false;
      std::size_t left = limits_.readers_per_reactor - reactor->readers();
      if (reactor->add(coming_, std::min({coming_.size(), Reactor::kAtOnce, left}))) return true;
    }
    if (!all_full) return false;
    MR_ASSIGN(std::unique_ptr<Reactor> made, Reactor::start(limits_, metrics_));
    reactors_.push_back(std::move(made));
    return reactors_.back()->add(coming_, 1);
  }

  FanOutLimits limits_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::deque<Reactor::Coming> coming_;
  std::int64_t next_try_ms_ = 0;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<FanOut> FanOut::make(const FanOutLimits& limits, Metrics& metrics) {
  return std::make_unique<ReactorFanOut>(limits, metrics);
}

}  // namespace millrace::http
