#include "http/fan_out.h"

#include <algorithm>

#include <sys/resource.h>

#include "http/reactor.h"

namespace millrace::http {
namespace {

constexpr std::size_t kSpareDescriptors = 64;

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
    MR_ASSIGN(Reactor * first, reactor_for_one());
    auto handed = std::make_unique<Reader>(std::move(reader));
    if (first->add(fd, handed)) return {};
    for (auto& other : reactors_) {
      if (other->readers() < limits_.readers_per_reactor && other->add(fd, handed)) return {};
    }
    return full("too many viewers come at once");
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
    reactors_.clear();
  }

 private:
  std::size_t readers() const {
    std::size_t all = 0;
    for (const auto& reactor : reactors_) all += reactor->readers();
    return all;
  }

  Result<Reactor*> reactor_for_one() {
    if (stopped_ || readers() >= limits_.readers) return full("there are as many viewers as are taken");
    auto fewer = [](const auto& a, const auto& b) { return a->readers() < b->readers(); };
    auto least = std::min_element(reactors_.begin(), reactors_.end(), fewer);
    if (least != reactors_.end() && (*least)->readers() < limits_.readers_per_reactor) return least->get();
    MR_ASSIGN(std::unique_ptr<Reactor> made, Reactor::start(limits_, metrics_));
    reactors_.push_back(std::move(made));
    return reactors_.back().get();
  }

  FanOutLimits limits_;
  Metrics& metrics_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<FanOut> FanOut::make(const FanOutLimits& limits, Metrics& metrics) {
  return std::make_unique<ReactorFanOut>(limits, metrics);
}

}  // namespace millrace::http
