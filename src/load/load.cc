#include "load/load.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time_format.h"
#include "io/clock.h"
#include "load/sender.h"

namespace millrace::load {
namespace {

constexpr TimeNs kStartAfter = 200'000'000;  // the processes make their requests and connect meanwhile
constexpr int kLookMs = 20;

// What parent and children share: this, and behind it a slot for each process.
struct alignas(Slot) Shared {
  std::atomic<bool> stop = false;
  Slot& slot(std::uint32_t index) { return reinterpret_cast<Slot*>(this + 1)[index]; }
};

std::size_t shared_bytes(std::uint32_t processes) { return sizeof(Shared) + sizeof(Slot) * processes; }

class Load {
 public:
  explicit Load(const LoadOptions& options) : options_(options) {}
  ~Load() {
    for (pid_t child : children_) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
    if (shared_ != nullptr) {
      munmap(shared_, shared_bytes(options_.processes));
    }
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  Result<LoadReport> run(const std::function<void(const Second&)>& progress, const std::function<bool()>& interrupted);

 private:
  Result<void> start();
  [[noreturn]] void be_child(std::uint32_t index, pid_t parent);
  void reap();
  Totals sum() const;
  void note_second(TimeNs now, const std::function<void(const Second&)>& progress);

  const LoadOptions& options_;
  Shared* shared_ = nullptr;
  std::vector<pid_t> children_;
  TimeNs begin_ = 0;
  TimeNs noted_at_ = 0;
  std::unique_ptr<Totals> noted_ = std::make_unique<Totals>();
  LoadReport report_;
};

Result<void> Load::start() {
  void* memory =
      mmap(nullptr, shared_bytes(options_.processes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return unavailable("no memory to share with the sending processes");
  }
  shared_ = new (memory) Shared;
  for (std::uint32_t i = 0; i < options_.processes; ++i) {
    new (&shared_->slot(i)) Slot;
  }
  begin_ = system_clock().monotonic() + kStartAfter;
  noted_at_ = begin_;
  pid_t parent = getpid();
  for (std::uint32_t i = 0; i < options_.processes; ++i) {
    pid_t child = fork();
    if (child < 0) {
      return unavailable("a sending process could not be started");
    }
    if (child == 0) {
      be_child(i, parent);
    }
    children_.push_back(child);
  }
  return {};
}

void Load::be_child(std::uint32_t index, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(1);
  }
  // Ctrl-C reaches the whole group; the parent decides how to end.
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  Slot& slot = shared_->slot(index);
  {
    Sender sender(options_, index, slot, system_clock());
    Result<void> result = sender.run(begin_, shared_->stop);
    if (!result.ok()) {
      slot.trouble.say(result.error().message);
    }
  }
  _exit(0);
}

void Load::reap() {
  for (std::size_t i = 0; i < children_.size();) {
    int status = 0;
    rusage usage{};
    if (wait4(children_[i], &status, WNOHANG, &usage) != children_[i]) {
      ++i;
      continue;
    }
    report_.cpu_seconds += static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      report_.trouble = "a sending process died";
    }
    children_.erase(children_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

Totals Load::sum() const {
  Totals totals;
  for (std::uint32_t i = 0; i < options_.processes; ++i) {
    totals.add(shared_->slot(i).totals);
  }
  return totals;
}

void Load::note_second(TimeNs now, const std::function<void(const Second&)>& progress) {
  auto totals = std::make_unique<Totals>(sum());
  Histogram latency = totals->latency.since(noted_->latency);
  auto other = [](const Totals& of) { return of.failed.get() + of.unknown.get(); };
  auto answers = [](const Totals& of) {
    return of.requests.get() + of.refused_requests.get() + of.failed_requests.get();
  };
  Second second;
  second.number = static_cast<std::uint32_t>(report_.seconds.size() + 1);
  second.seconds = static_cast<double>(now - noted_at_) / 1e9;
  second.accepted = totals->accepted.get() - noted_->accepted.get();
  second.refused = totals->refused.get() - noted_->refused.get();
  second.other = other(*totals) - other(*noted_);
  second.p50 = latency.quantile(0.5);
  second.p99 = latency.quantile(0.99);
  second.longest = latency.max();
  if (answers(*totals) == answers(*noted_)) {
    TimeNs last = begin_;
    for (std::uint32_t i = 0; i < options_.processes; ++i) {
      last = std::max(last, shared_->slot(i).answered_at.load(std::memory_order_relaxed));
    }
    second.silent = std::max<TimeNs>(now - last, 1);
  }
  report_.seconds.push_back(second);
  noted_ = std::move(totals);
  noted_at_ = now;
  progress(second);
}

Result<LoadReport> Load::run(const std::function<void(const Second&)>& progress,
                             const std::function<bool()>& interrupted) {
  MR_TRY(start());
  TimeNs now = system_clock().monotonic();
  while (!children_.empty()) {
    poll(nullptr, 0, kLookMs);
    now = system_clock().monotonic();
    if (!report_.interrupted && interrupted()) {
      report_.interrupted = true;
      shared_->stop.store(true, std::memory_order_relaxed);
    }
    reap();
    if (now >= noted_at_ + kSecond) {
      note_second(now, progress);
    }
  }
  if (now > noted_at_ + kSecond / 10 || report_.seconds.empty()) {
    note_second(now, progress);
  }
  report_.totals = sum();
  report_.elapsed = static_cast<double>(now - begin_) / 1e9;
  for (std::uint32_t i = 0; i < options_.processes; ++i) {
    const Slot& slot = shared_->slot(i);
    report_.silence = std::max(report_.silence, slot.silence.load(std::memory_order_relaxed));
    if (report_.trouble.empty()) {
      report_.trouble = slot.trouble.text();
    }
  }
  if (report_.totals.requests.get() + report_.totals.refused_requests.get() == 0) {
    return unavailable(report_.trouble.empty() ? "no request was answered" : report_.trouble);
  }
  return std::move(report_);
}

}  // namespace

Result<LoadReport> run_load(const LoadOptions& options, const std::function<void(const Second&)>& progress,
                            const std::function<bool()>& interrupted) {
  return Load(options).run(progress, interrupted);
}

}  // namespace millrace::load
