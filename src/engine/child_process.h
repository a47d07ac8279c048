#pragma once
// One run of the engine's process, seen from its parent: sockets, options and pipes before, exit after. Used by one
// thread, which must outlive the process: the kernel kills the child when the very thread that forked it ends.

#include <optional>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/supervisor.h"

namespace millrace::engine {

// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset(other.release());
    return *this;
  }
  int get() const { return fd_; }
  int release();
  void reset(int fd = -1);

 private:
  int fd_;
};

// A listening socket at a Unix path (mode 0600, replacing what is there) or at "127.0.0.1:8123".
Result<Descriptor> listen_unix(const std::string& path);
Result<Descriptor> listen_tcp(const std::string& address);
Result<std::string> address_of(int listening_fd);

class ChildProcess {
 public:
  // Forks and executes options.program. `secret` is what the internal port wants; `public_address` has the port.
  static Result<ChildProcess> spawn(const SupervisorOptions& options, const std::string& secret,
                                    std::string& public_address);
  ChildProcess(ChildProcess&&) = default;

  pid_t pid() const { return pid_; }
  int exit_fd() const { return exit_fd_.get(); }    // readable when it has ended
  int ready_fd() const { return ready_fd_.get(); }  // readable when it answers or has ended
  int log_fd() const { return log_fd_.get(); }      // its standard error

  void signal(int number) const;
  // Waits until it is gone and says how it ended: "exit status 1", "signal 9".
  std::string reap();
  // Reads what is there of the ready line; a value when it is whole.
  std::optional<ReadyReport> read_ready();
  // Moves what is there of its standard error to the log, line by line.
  void forward_log();
  const std::string& last_line() const { return last_line_; }

 private:
  ChildProcess() = default;
  pid_t pid_ = 0;
  Descriptor exit_fd_, ready_fd_, log_fd_;
  std::string ready_text_, log_text_, last_line_;
};

}  // namespace millrace::engine
