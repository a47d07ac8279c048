#include "engine/engine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "engine/chdb.h"
#include "engine/config_files.h"
#include "engine/process_stats.h"
#include "engine/sandbox/sandbox.h"
#include "engine/service.h"
#include "io/clock.h"
#include "io/file.h"

namespace millrace::engine {
namespace {

constexpr std::int64_t kDrainMs = 5'000;

// The folder: db/ is the engine's, conf/ is ours, empty/ is where the process stands, lock is held while it runs.
std::string inside(const EngineOptions& options, const char* name) { return options.data_folder + "/" + name; }

// Nothing is written where it stands already: on a full disk the engine must come up, so that questions are answered.
Result<void> keep_file(FileSystem& files, const std::string& path, const std::string& content) {
  Result<std::string> there = read_file(files, path, content.size());
  return there.ok() && *there == content ? Result<void>() : replace_file(files, path, content);
}

Result<void> lay_out_folder(const EngineOptions& options) {
  FileSystem& files = posix_file_system();
  for (const char* name : {"db", "conf", "empty"}) MR_TRY(files.make_folders(inside(options, name)));
  EngineBudget budget{options.memory_bytes_max, options.threads};
  MR_TRY(keep_file(files, inside(options, "conf/users.xml"), users_config(budget)));
  return keep_file(files, inside(options, "conf/config.xml"), server_config(budget, inside(options, "conf/users.xml")));
}

// An engine that was killed a moment ago may still hold the lock while the kernel takes it apart. SIGTERM ends the
// wait.
Result<std::unique_ptr<FileLock>> lock_folder(const EngineOptions& options, const sigset_t& signals) {
  constexpr timespec kBetween = {0, 50'000'000};
  constexpr int kTries = 200;
  for (int i = 0;; ++i) {
    auto lock = posix_file_system().lock(inside(options, "lock"));
    if (lock.ok() || lock.error().code != Code::kUnavailable || i == kTries) return lock;
    if (sigtimedwait(&signals, nullptr, &kBetween) > 0)
      return unavailable("The engine was told to stop before it began.");
  }
}

SandboxPolicy policy_for(const EngineOptions& options) {
  return {{inside(options, "db")},
          {inside(options, "conf"), inside(options, "empty"), options.libchdb, "/usr/lib", "/lib", "/lib64",
           "/etc/ld.so.cache", "/dev/null", "/dev/urandom", "/proc/self/statm", "/proc/self/io", "/proc/meminfo",
           "/proc/cpuinfo", "/proc/stat", "/proc/loadavg", "/proc/uptime", "/proc/sys/vm/overcommit_memory",
           "/sys/devices/system/cpu", "/sys/fs/cgroup"}};
}

// Everything that lives while the engine answers.
class Engine {
 public:
  Engine(const EngineOptions& options, ChdbAbi abi, ReadyReport report)
      : options_(options), abi_(abi), report_(std::move(report)), start_ns_(system_clock().monotonic()) {}

  Result<void> start() {
    abi_.set_signal_handlers_enabled(0);
    report_.version = abi_.version();
    arguments_ = {"--path=" + inside(options_, "db"), "--config-file=" + inside(options_, "conf/config.xml")};
    MR_ASSIGN(keeper_, Connection::open(abi_, arguments_));
    if (auto error = keeper_->execute("SELECT 1")) return unavailable(error->text);
    internal_ = std::make_unique<Service>(abi_, internal_options());
    MR_ASSIGN(internal_server_, listen(options_.internal_fd, *internal_));
    if (options_.public_fd < 0) return {};
    public_ = std::make_unique<Service>(abi_, public_options());
    MR_ASSIGN(public_server_, listen(options_.public_fd, *public_));
    return {};
  }

  // Servers first: whoever still waits for the body of a request is woken by it.
  void stop() {
    if (public_server_) public_server_->stop(kDrainMs);
    if (internal_server_) internal_server_->stop(kDrainMs);
    public_.reset();
    internal_.reset();
    public_server_.reset();
    internal_server_.reset();
    keeper_.reset();
    abi_.shutdown();
  }

  const ReadyReport& report() const { return report_; }

 private:
  Result<std::unique_ptr<http::Server>> listen(int fd, Service& service) {
    http::Limits limits;
    limits.request_line_bytes = 128 << 10;  // statements travel in it
    limits.header_bytes = 160 << 10;
    limits.connections = 1'000;
    return http::Server::start(
        fmt::format("fd:{}", fd), 1, limits, {}, metrics_,
        [&service](std::unique_ptr<http::Exchange> exchange) { service.handle(std::move(exchange)); });
  }

  ServiceOptions internal_options() {
    ServiceOptions options;
    options.runner = {arguments_, Port::kInternal, 0};
    options.user = kInternalUser;
    options.password = options_.internal_secret;
    options.queries_max = options_.internal_queries_max;
    options.queue_ms_max = options_.queue_ms_max;
    options.kill = [this](const std::string& mark) { kill_query(mark); };
    options.status = [this] { return status_json(); };
    return options;
  }

  ServiceOptions public_options() {
    ServiceOptions options = internal_options();
    options.runner.port = Port::kPublic;
    options.runner.execution_s_max = options_.public_execution_s_max;
    options.user = options_.public_user;
    options.password = options_.public_password;
    options.queries_max = options_.public_queries_max;
    options.status = nullptr;
    return options;
  }

  void kill_query(const std::string& mark) {
    std::lock_guard lock(keeper_mutex_);
    auto error = keeper_->execute(fmt::format("KILL QUERY WHERE Settings['log_comment'] = '{}' ASYNC", mark));
    if (error) log_warning("a query could not be stopped", {{"reason", error->text}});
  }

  std::string status_json() {
    ProcessStats stats = stats_.read();
    JsonWriter json;
    json.begin_object();
    json.key("version").string(report_.version);
    json.key("landlock_abi").integer(report_.landlock_abi);
    json.key("seccomp").boolean(report_.seccomp);
    if (report_.landlock_abi == 0)
      json.key("warning").string("The kernel has no Landlock: SQL can read files of this machine.");
    json.key("memory_bytes_max").unsigned_integer(options_.memory_bytes_max);
    json.key("resident_bytes").unsigned_integer(stats.resident_bytes);
    json.key("written_bytes").unsigned_integer(stats.written_bytes);
    json.key("uptime_seconds").integer((system_clock().monotonic() - start_ns_) / 1'000'000'000);
    json.key("queries_running").integer(internal_->running() + (public_ ? public_->running() : 0));
    json.end_object();
    return json.take();
  }

  const EngineOptions& options_;
  ChdbAbi abi_;
  ReadyReport report_;
  std::int64_t start_ns_;
  Metrics metrics_;
  ProcessStatsReader stats_{"/proc/self"};
  std::vector<std::string> arguments_;
  std::mutex keeper_mutex_;
  std::unique_ptr<Connection> keeper_;  // keeps the engine open, and stops others' queries
  std::unique_ptr<Service> internal_, public_;
  std::unique_ptr<http::Server> internal_server_, public_server_;
};

Result<ReadyReport> lock_in(const EngineOptions& options) {
  MR_ASSIGN(SandboxReport report, enter_sandbox(policy_for(options)));
  if (report.landlock_abi == 0) {
    log_error("THE KERNEL HAS NO LANDLOCK: SQL in the engine can read files of this machine");
  }
  return ReadyReport{report.landlock_abi, report.seccomp, ""};
}

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  return signals;
}

// From loading the library to SIGTERM.
Result<void> serve(const EngineOptions& options, const ReadyReport& report, const sigset_t& signals) {
  MR_ASSIGN(ChdbAbi abi, load_chdb(options.libchdb));
  Engine engine(options, abi, report);
  MR_TRY(engine.start());
  if (options.ready_fd >= 0) {
    std::string line = to_json(engine.report()) + "\n";
    if (write(options.ready_fd, line.data(), line.size()) < 0) return unavailable("Nobody waits for the engine.");
    close(options.ready_fd);
  }
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  engine.stop();
  return {};
}

Result<void> run(const EngineOptions& options) {
  sigset_t signals = stop_signals();
  sigprocmask(SIG_BLOCK, &signals, nullptr);  // before the first thread, so that all inherit it
  signal(SIGPIPE, SIG_IGN);
  MR_TRY(lay_out_folder(options));
  std::vector<int> keep = {options.internal_fd, options.public_fd, options.ready_fd};
  MR_TRY(shed_inheritance(options.parent, keep, inside(options, "empty")));
  MR_ASSIGN(std::unique_ptr<FileLock> lock, lock_folder(options, signals));
  MR_ASSIGN(ReadyReport report, lock_in(options));
  // The library asks for the bounds of its caller's stack. Those of the first thread stand in /proc/self/maps only,
  // which is out of reach; those of any other are known to the C library.
  Result<void> served;
  std::thread([&] { served = serve(options, report, signals); }).join();
  return served;
}

}  // namespace

int run_engine(const EngineOptions& options) {
  Result<void> ran = run(options);
  if (ran) return 0;
  log_error("the engine stops", {{"reason", ran.error().message}});
  return 1;
}

}  // namespace millrace::engine

namespace millrace {

int run_engine(int options_fd) {
  Result<engine::EngineOptions> options = engine::read_engine_options(options_fd);
  if (!options) {
    log_error("the engine can't start", {{"reason", options.error().message}});
    _exit(2);
  }
  _exit(engine::run_engine(*options));
}

}  // namespace millrace
