// millrace serve: the server.

#include <cstdlib>
#include <filesystem>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/server.h"
#include "app/version.h"
#include "base/log.h"
#include "cmd/command.h"
#include "cmd/settings_options.h"

namespace millrace::cmd {
namespace {

constexpr std::int64_t kDrainMs = 20'000;
constexpr unsigned kEndS = 28;  // whatever hangs then (an engine that is stopped, a disk) is left behind

// A process that ends now keeps its promises: what was acknowledged is in the log, and the engine dies with its parent.
void end_now(int) {
  constexpr char kWords[] = "ended with something still under way; what is left is in the log\n";
  (void)!write(STDERR_FILENO, kWords, sizeof kWords - 1);
  _exit(0);
}

LogLevel level_of(const std::string& name) {
  return name == "debug"     ? LogLevel::kDebug
         : name == "warning" ? LogLevel::kWarning
         : name == "error"   ? LogLevel::kError
                             : LogLevel::kInfo;
}

void show_keys(const Server& server) {
  if (server.first_keys().empty()) {
    return;
  }
  fmt::print("These keys are shown once; only their hashes are kept:\n");
  for (const KeyStore::Created& key : server.first_keys()) {
    fmt::print("  {:<16} {}   ({})\n", key.info.name, key.secret, format_scopes(key.info.scopes));
  }
}

// Blocked in every thread from the start, so that only sigwait below sees them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);  // its terminal was closed
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// Shells hand out 1,024 as a rule, and more for the asking.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

std::string text_of_variable(const char* name) {
  const char* text = std::getenv(name);
  return text != nullptr ? text : "";
}

int serve(const SettingsOptions& options) {
  Result<Settings> settings = options.load();
  if (!settings.ok()) {
    return fail("the configuration is not good:\n" + settings.error().message);
  }
  configure_log(level_of(settings->values().log_level),
                settings->values().log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  for (const std::string& warning : settings->warnings()) {
    log_warning(warning);
  }
  sigset_t signals = block_signals();
  allow_many_descriptors();
  std::error_code error;
  std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  Result<std::unique_ptr<Server>> server = Server::start(
      *settings, program, {text_of_variable("MILLRACE_BOOTSTRAP_KEY"), text_of_variable("MILLRACE_FEED_KEY")});
  if (!server.ok()) {
    return fail(server.error().message);
  }
  show_keys(**server);
  fmt::print("listening on {}\n", (*server)->address());
  std::fflush(stdout);

  int received = 0;
  sigwait(&signals, &received);
  log_info("stopping: answering what is under way and storing what is accepted", {{"signal", received}});
  signal(SIGALRM, end_now);
  alarm(kEndS);
  (*server)->stop(kDrainMs);
  alarm(0);
  log_info("stopped");
  return 0;
}

}  // namespace

void add_serve(CLI::App& program, Outcome& outcome) {
  CLI::App* command = program.add_subcommand("serve", "Run the server");
  auto options = std::make_shared<SettingsOptions>();  // kept by the callback
  options->add_to(*command);
  command->footer(
      "Examples:\n"
      "  millrace serve\n"
      "  millrace serve --config /etc/millrace/millrace.toml\n"
      "  MILLRACE_BOOTSTRAP_KEY=... millrace serve --data /var/lib/millrace --listen 0.0.0.0:8080\n"
      "Keys are printed at the first start alone. Who has lost them starts once with MILLRACE_BOOTSTRAP_KEY.\n"
      "SIGTERM and Ctrl-C end it cleanly; kill -9 loses nothing that was acknowledged.");
  command->callback([options, &outcome] { outcome.exit_code = serve(*options); });
}

}  // namespace millrace::cmd
