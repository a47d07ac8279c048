#include "engine/child_process.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

namespace millrace::engine {
namespace {

constexpr int kBacklog = 512;
constexpr std::size_t kLogLineBytesMax = 8 << 10;

Error failed(std::string_view what) {
  return unavailable(fmt::format("The engine can't be started: {}: {}", what, std::strerror(errno)));
}

struct Pipe {
  Descriptor read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed("pipe");
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<Descriptor> options_file(const std::string& text) {
  Descriptor file(memfd_create("engine-options", MFD_CLOEXEC));
  if (file.get() < 0) return failed("memfd_create");
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return failed("write");
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

// Between fork and exec of a program with threads only calls that are safe in a signal handler are allowed: no memory
// is asked for here, and everything was made ready before.
[[noreturn]] void become(char* const* argv, const int* inherited, std::size_t count, int log_fd) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();  // Ctrl-C on a terminal is for the server alone, which still needs the engine to store what it has
  for (std::size_t i = 0; i < count; ++i) {
    if (inherited[i] >= 0) fcntl(inherited[i], F_SETFD, 0);
  }
  dup2(log_fd, STDERR_FILENO);
  dup2(log_fd, STDOUT_FILENO);
  char* const no_environment[] = {nullptr};
  execve(argv[0], argv, no_environment);
  constexpr char kMessage[] = "the engine's program can't be executed\n";
  (void)!write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
  _exit(127);
}

EngineOptions options_for(const SupervisorOptions& options, const std::string& secret) {
  EngineOptions child;
  child.data_folder = options.data_folder;
  child.libchdb = options.libchdb;
  child.parent = getpid();
  child.internal_secret = secret;
  child.public_user = options.public_user;
  child.public_password = options.public_password;
  child.memory_bytes_max = options.memory_bytes_max;
  child.threads = options.threads;
  child.internal_queries_max = child.public_queries_max = options.queries_max;
  child.queue_ms_max = options.queue_ms_max;
  child.public_execution_s_max = options.public_execution_s_max;
  return child;
}

}  // namespace

int Descriptor::release() {
  int fd = fd_;
  fd_ = -1;
  return fd;
}

void Descriptor::reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

Result<Descriptor> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return invalid(fmt::format("The engine's socket path {} is longer than 107 bytes; choose a shorter folder.", path));
  }
  path.copy(address.sun_path, path.size());
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return failed("socket");
  unlink(path.c_str());
  // The mode of the socket itself, before anyone can see it: nobody else connects.
  if (fchmod(fd.get(), 0600) != 0) return failed("fchmod");
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return failed("bind " + path);
  if (listen(fd.get(), kBacklog) != 0) return failed("listen " + path);
  return fd;
}

Result<Descriptor> listen_tcp(const std::string& address) {
  std::size_t colon = address.rfind(':');
  sockaddr_in ip{};
  ip.sin_family = AF_INET;
  std::uint16_t port = 0;
  bool good = colon != std::string::npos && inet_pton(AF_INET, address.substr(0, colon).c_str(), &ip.sin_addr) == 1 &&
              std::from_chars(address.data() + colon + 1, address.data() + address.size(), port).ec == std::errc{};
  if (!good) return invalid(fmt::format("{} is not an address of the form 127.0.0.1:8123.", address));
  if ((ntohl(ip.sin_addr.s_addr) >> 24) != 127) return invalid(fmt::format("{} is not a loopback address.", address));
  ip.sin_port = htons(port);
  Descriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return failed("socket");
  int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&ip), sizeof ip) != 0) return failed("bind " + address);
  if (listen(fd.get(), kBacklog) != 0) return failed("listen " + address);
  return fd;
}

Result<std::string> address_of(int listening_fd) {
  sockaddr_in ip{};
  socklen_t size = sizeof ip;
  if (getsockname(listening_fd, reinterpret_cast<sockaddr*>(&ip), &size) != 0) return failed("getsockname");
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &ip.sin_addr, text, sizeof text);
  return fmt::format("{}:{}", text, ntohs(ip.sin_port));
}

Result<ChildProcess> ChildProcess::spawn(const SupervisorOptions& options, const std::string& secret,
                                         std::string& public_address) {
  MR_ASSIGN(Descriptor internal, listen_unix(options.socket_path));
  Descriptor at_public;
  if (!public_address.empty()) {
    MR_ASSIGN(at_public, listen_tcp(public_address));
    MR_ASSIGN(public_address, address_of(at_public.get()));
  }
  MR_ASSIGN(Pipe ready, make_pipe());
  MR_ASSIGN(Pipe log, make_pipe());
  EngineOptions child_options = options_for(options, secret);
  child_options.internal_fd = internal.get();
  child_options.public_fd = at_public.get();
  child_options.ready_fd = ready.write.get();
  MR_ASSIGN(Descriptor file, options_file(to_json(child_options)));

  std::vector<std::string> arguments = options.program;
  arguments.insert(arguments.end(), {"--options-fd", std::to_string(file.get())});
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int inherited[] = {internal.get(), at_public.get(), ready.write.get(), file.get()};

  pid_t pid = fork();
  if (pid < 0) return failed("fork");
  if (pid == 0) become(argv.data(), inherited, std::size(inherited), log.write.get());
  ChildProcess child;
  child.pid_ = pid;
  child.exit_fd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  child.ready_fd_ = std::move(ready.read);
  child.log_fd_ = std::move(log.read);
  if (child.exit_fd() < 0) {
    Error error = failed("pidfd_open");
    child.signal(SIGKILL);
    child.reap();
    return error;
  }
  return child;
}

void ChildProcess::signal(int number) const { kill(pid_, number); }

std::string ChildProcess::reap() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  forward_log();
  if (WIFSIGNALED(status)) return fmt::format("signal {}", WTERMSIG(status));
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

std::optional<ReadyReport> ChildProcess::read_ready() {
  char piece[1024];
  ssize_t size = read(ready_fd_.get(), piece, sizeof piece);
  if (size > 0) ready_text_.append(piece, static_cast<std::size_t>(size));
  if (size == 0) ready_fd_.reset();  // it has ended, or said all
  std::size_t line = ready_text_.find('\n');
  if (line == std::string::npos) return {};
  ready_fd_.reset();
  Result<ReadyReport> report = parse_ready_report(ready_text_.substr(0, line));
  return report.ok() ? std::optional(*report) : std::nullopt;
}

void ChildProcess::forward_log() {
  char piece[4096];
  while (log_fd_.get() >= 0) {
    ssize_t size = read(log_fd_.get(), piece, sizeof piece);
    if (size == 0) log_fd_.reset();
    if (size <= 0) break;
    log_text_.append(piece, static_cast<std::size_t>(size));
    std::size_t begin = 0;
    for (std::size_t end; (end = log_text_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      last_line_ = log_text_.substr(begin, end - begin);
      log_info("engine", {{"says", last_line_}});
    }
    log_text_.erase(0, begin);
    if (log_text_.size() > kLogLineBytesMax) log_text_.clear();
  }
}

}  // namespace millrace::engine
