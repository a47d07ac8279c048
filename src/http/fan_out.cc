#include "http/fan_out.h"

#include <algorithm>
#include <deque>

#include <sys/resource.h>

#include "http/reactor.h"

namespace millrace::http {
namespace {

constexpr std::size_t kSpareDescriptors = 64;
constexpr std::size_t kWaitingMax = 8'192;  // readers; each has a descriptor in everybody's table meanwhile

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
    Waiting one{UniqueFd(socket), std::make_unique<Reader>(std::move(reader))};
    std::lock_guard lock(mutex_);
    if (stopped_ || readers() >= limits_.readers) return full("there are as many viewers as are taken");
    if (waiting_.empty()) {
      MR_ASSIGN(bool taken, hand_over_one(one));
      if (taken) return {};
    }
    if (waiting_.size() == kWaitingMax) return full("too many viewers come at once");
    waiting_.push_back(std::move(one));
    return {};
  }

  void hand_over() override {
    std::lock_guard lock(mutex_);
    while (!waiting_.empty() && !stopped_) {
      Result<bool> taken = hand_over_one(waiting_.front());
      if (taken.ok() && !*taken) return;
      waiting_.pop_front();  // or no reactor can be made for it: it is closed
    }
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
    waiting_.clear();
    reactors_.clear();
  }

 private:
  std::size_t readers() const {
    std::size_t all = waiting_.size();
    for (const auto& reactor : reactors_) all += reactor->readers();
    return all;
  }

  struct Waiting {
    UniqueFd socket;
    std::unique_ptr<Reader> reader;
  };

  // To the reactor with the fewest whose queue has a place; false when none has, and none needs to be made.
  Result<bool> hand_over_one(Waiting& one) {
    bool all_full = true;
    std::sort(reactors_.begin(), reactors_.end(),
              [](const auto& a, const auto& b) { return a->readers() < b->readers(); });
    for (auto& reactor : reactors_) {
      if (reactor->readers() >= limits_.readers_per_reactor) continue;
      all_full = false;
      if (reactor->add(one.socket, one.reader)) return true;
    }
    if (!all_full) return false;
    MR_ASSIGN(std::unique_ptr<Reactor> made, Reactor::start(limits_, metrics_));
    reactors_.push_back(std::move(made));
    return reactors_.back()->add(one.socket, one.reader);
  }

  FanOutLimits limits_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::deque<Waiting> waiting_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<FanOut> FanOut::make(const FanOutLimits& limits, Metrics& metrics) {
  return std::make_unique<ReactorFanOut>(limits, metrics);
}

}  // namespace millrace::http
