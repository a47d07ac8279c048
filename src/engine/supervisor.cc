#include "engine/supervisor.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time_format.h"
#include "engine/child_process.h"
#include "engine/process_stats.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/random.h"

namespace millrace::engine {
namespace {

constexpr std::int64_t kStatsEveryMs = 1'000;

std::string new_secret() {
  std::string secret;
  for (unsigned char byte : random_bytes(32)) secret += fmt::format("{:02x}", byte);
  return secret;
}

class RealSupervisor final : public Supervisor {
 public:
  RealSupervisor(SupervisorOptions options, Metrics& metrics)
      : options_(std::move(options)),
        metrics_(metrics),
        secret_(new_secret()),
        public_address_(options_.public_listen),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        backoff_ms_(options_.backoff_ms_min) {}

  ~RealSupervisor() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake();
    if (thread_.joinable()) thread_.join();
    unlink(options_.socket_path.c_str());
  }

  Result<void> begin() {
    MR_TRY(posix_file_system().make_folders(options_.data_folder));
    MR_ASSIGN(sync_file_, posix_file_system().open(options_.data_folder + "/sync", OpenMode::kCreateOrOpen));
    thread_ = std::thread([this] { supervise(); });
    return wait_for_first_start();
  }

  std::string socket_path() const override { return options_.socket_path; }
  std::string user() const override { return kInternalUser; }
  std::string secret() const override { return secret_; }
  std::string public_address() const override {
    std::lock_guard lock(mutex_);
    return public_address_;
  }

  Result<void> restart() override {
    std::unique_lock lock(mutex_);
    // What runs now is not what is waited for; a start that is still to come is.
    std::uint64_t wanted = status_.starts + 1;
    kill_wanted_ = skip_backoff_ = true;
    wake();
    auto up = [&] { return status_.up && status_.starts >= wanted; };
    if (changed_.wait_for(lock, std::chrono::milliseconds(options_.start_ms_max), up)) return {};
    return unavailable(
        fmt::format("The engine did not come up in {} ms: {}", options_.start_ms_max, status_.last_exit));
  }

  Result<void> flush() override {
    std::lock_guard lock(flush_mutex_);
    if (flush_error_) return *flush_error_;
    Result<void> synced = sync_file_->sync_file_system();
    if (!synced) flush_error_ = synced.error();
    return synced;
  }

  EngineStatus status() const override {
    std::lock_guard lock(mutex_);
    return status_;
  }

  pid_t pid() const override { return status().pid; }

 private:
  enum class Wake { kNothing, kStop, kKill };

  // The first start is not tried twice: what is wrong then is wrong with the machine or the options.
  Result<void> wait_for_first_start() {
    std::unique_lock lock(mutex_);
    auto settled = [&] { return status_.up || !status_.last_exit.empty(); };
    bool in_time = changed_.wait_for(lock, std::chrono::milliseconds(options_.start_ms_max), settled);
    if (status_.up) return {};
    if (in_time) return unavailable(fmt::format("The engine can't be started: {}", status_.last_exit));
    return unavailable(fmt::format("The engine did not come up in {} ms", options_.start_ms_max));
  }

  void wake() {
    std::uint64_t one = 1;
    (void)!write(wake_.get(), &one, sizeof one);
  }

  Wake take_orders() {
    std::uint64_t count = 0;
    (void)!read(wake_.get(), &count, sizeof count);
    std::lock_guard lock(mutex_);
    if (stopping_) return Wake::kStop;
    return std::exchange(kill_wanted_, false) ? Wake::kKill : Wake::kNothing;
  }

  // The thread: one engine after another.
  void supervise() {
    while (true) {
      bool stop = run_one();
      if (stop || pause()) return;
    }
  }

  // True when it was told to stop.
  bool run_one() {
    std::string address = public_address();
    {
      // Before anyone can reach the new one: see restart().
      std::lock_guard lock(mutex_);
      ++status_.starts;
    }
    Result<ChildProcess> child = ChildProcess::spawn(options_, secret_, address);
    metrics_.add(Metric::kEngineStarts);
    {
      std::lock_guard lock(mutex_);
      if (!child) status_.last_exit = child.error().message;
      status_.pid = child.ok() ? child->pid() : 0;
      public_address_ = address;
    }
    if (!child) {
      changed_.notify_all();
      log_error("the engine can't be started", {{"reason", child.error().message}});
      return false;
    }
    log_info("engine started", {{"pid", child->pid()}});
    ProcessStatsReader stats(fmt::format("/proc/{}", child->pid()));
    bool stop = attend(*child, stats);
    publish(stats);
    end(*child, stop);
    return stop;
  }

  // Until it has ended, or has to be ended.
  bool attend(ChildProcess& child, ProcessStatsReader& stats) {
    std::int64_t next_stats = 0;
    last_written_ = 0;
    while (true) {
      pollfd events[] = {{wake_.get(), POLLIN, 0},
                         {child.exit_fd(), POLLIN, 0},
                         {child.ready_fd(), POLLIN, 0},
                         {child.log_fd(), POLLIN, 0}};
      poll(events, std::size(events), kStatsEveryMs);
      if (events[3].revents != 0) child.forward_log();
      if (events[2].revents != 0) note_ready(child);
      if (events[1].revents != 0) return false;
      if (events[0].revents != 0) {
        Wake order = take_orders();
        if (order == Wake::kStop) return true;
        if (order == Wake::kKill) {
          child.signal(SIGKILL);
          return false;
        }
      }
      if (std::int64_t now = system_clock().monotonic(); now >= next_stats) {
        publish(stats);
        next_stats = now + kStatsEveryMs * kMillisecond;
      }
    }
  }

  void note_ready(ChildProcess& child) {
    std::optional<ReadyReport> report = child.read_ready();
    if (!report) return;
    {
      std::lock_guard lock(mutex_);
      // Killed before it was ready: whoever ordered that waits for the next one.
      if (kill_wanted_) return;
      status_.up = true;
      status_.landlock_abi = report->landlock_abi;
      status_.seccomp = report->seccomp;
      status_.version = report->version;
      backoff_ms_ = options_.backoff_ms_min;
    }
    metrics_.set(Metric::kEngineUp, 1);
    changed_.notify_all();
    log_info("engine ready",
             {{"version", report->version}, {"landlock_abi", report->landlock_abi}, {"seccomp", report->seccomp}});
    if (report->landlock_abi == 0)
      log_error("this kernel has no Landlock: SQL in the engine can read files of this machine");
  }

  void publish(const ProcessStatsReader& reader) {
    ProcessStats stats = reader.read();
    std::uint64_t more = stats.written_bytes > last_written_ ? stats.written_bytes - last_written_ : 0;
    last_written_ += more;
    metrics_.add(Metric::kEngineWrittenBytes, static_cast<std::int64_t>(more));
    metrics_.set(Metric::kEngineResidentBytes, static_cast<std::int64_t>(stats.resident_bytes));
    std::lock_guard lock(mutex_);
    status_.written_bytes += more;
    status_.resident_bytes = stats.resident_bytes;
  }

  void end(ChildProcess& child, bool politely) {
    {
      std::lock_guard lock(mutex_);
      status_.up = false;
    }
    metrics_.set(Metric::kEngineUp, 0);
    if (politely) {
      child.signal(SIGTERM);
      await_exit(child);
    }
    std::string how = child.reap();
    if (!child.last_line().empty()) how += fmt::format(" ({})", child.last_line());
    if (!politely) log_warning("engine ended", {{"pid", child.pid()}, {"how", how}});
    {
      std::lock_guard lock(mutex_);
      status_.pid = 0;
      status_.last_exit = how;
      status_.resident_bytes = 0;
    }
    changed_.notify_all();
  }

  void await_exit(ChildProcess& child) {
    std::int64_t deadline = system_clock().monotonic() + options_.stop_ms_max * kMillisecond;
    while (true) {
      std::int64_t left_ms = (deadline - system_clock().monotonic()) / kMillisecond;
      if (left_ms <= 0) break;
      pollfd events[] = {{child.exit_fd(), POLLIN, 0}, {child.log_fd(), POLLIN, 0}};
      poll(events, std::size(events), static_cast<int>(left_ms));
      if (events[1].revents != 0) child.forward_log();
      if (events[0].revents != 0) return;
    }
    log_warning("the engine did not end in time and is killed", {{"pid", child.pid()}});
    child.signal(SIGKILL);
  }

  // Between two starts. True when it was told to stop.
  bool pause() {
    std::int64_t deadline = system_clock().monotonic() + backoff_ms_ * kMillisecond;
    backoff_ms_ = std::min(backoff_ms_ * 2, options_.backoff_ms_max);
    while (true) {
      if (take_orders() == Wake::kStop) return true;
      {
        std::lock_guard lock(mutex_);
        if (std::exchange(skip_backoff_, false)) return false;
      }
      std::int64_t left_ms = (deadline - system_clock().monotonic()) / kMillisecond;
      if (left_ms <= 0) return false;
      pollfd event = {wake_.get(), POLLIN, 0};
      poll(&event, 1, static_cast<int>(left_ms));
    }
  }

  const SupervisorOptions options_;
  Metrics& metrics_;
  const std::string secret_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  EngineStatus status_;
  std::string public_address_;
  bool stopping_ = false;
  bool kill_wanted_ = false;
  bool skip_backoff_ = false;
  Descriptor wake_;
  std::int64_t backoff_ms_;         // the thread's
  std::uint64_t last_written_ = 0;  // the thread's
  std::mutex flush_mutex_;
  std::optional<Error> flush_error_;
  std::unique_ptr<File>
      sync_file_;  // open since before the first insert, so that no error of the file system is missed
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Supervisor>> Supervisor::start(SupervisorOptions options, Metrics& metrics) {
  if (options.program.empty() || options.program[0].empty() || options.program[0][0] != '/') {
    return invalid("The engine's program must be an absolute path.");
  }
  if (options.data_folder.empty() || options.data_folder[0] != '/')
    return invalid("The engine's folder must be an absolute path.");
  if (!options.public_listen.empty() && (options.public_user.empty() || options.public_password.empty())) {
    return invalid("The engine's port needs a user and a password.");
  }
  if (options.socket_path.empty()) options.socket_path = options.data_folder + "/engine.sock";
  if (options.socket_path.size() > 107) {
    return invalid(fmt::format("The engine's socket path {} is longer than 107 bytes; choose a shorter folder.",
                               options.socket_path));
  }
  auto supervisor = std::make_unique<RealSupervisor>(std::move(options), metrics);
  MR_TRY(supervisor->begin());
  return std::unique_ptr<Supervisor>(std::move(supervisor));
}

}  // namespace millrace::engine
