#pragma once
// Starts the engine's process, keeps it running, and ends it. Every start gets a socket of its own: a request that
// waited at an older one is dropped with it, so that nothing sent before restart() can be acted on behind it.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/metrics.h"
#include "base/result.h"

namespace millrace::engine {

struct SupervisorOptions {
  std::vector<std::string> program;  // absolute path and arguments of `millrace engine`; "--options-fd", "N" are added
  std::string data_folder;           // absolute
  std::string libchdb;               // absolute
  std::string socket_path;    // at most 107 bytes; a file that is there is replaced. Empty: data_folder/engine.sock
  std::string public_listen;  // "127.0.0.1:8123" (port 0 picks one) or empty; must be loopback
  std::string public_user;
  std::string public_password;
  std::uint64_t memory_bytes_max = 2ULL << 30;
  unsigned threads = 2;
  unsigned queries_max = 8;  // at once at each of the two ports
  std::int64_t queue_ms_max = 5'000;
  std::int64_t public_execution_s_max = 60;
  std::int64_t start_ms_max = 60'000;  // for opening the tables
  std::int64_t stop_ms_max = 15'000;   // then it is killed
  std::int64_t backoff_ms_min = 100;   // doubled with every start that fails, up to backoff_ms_max
  std::int64_t backoff_ms_max = 10'000;
};

struct EngineStatus {
  bool up = false;  // it answers
  pid_t pid = 0;    // 0 while there is none
  std::uint64_t starts = 0;
  std::string last_exit;  // how the one before ended; empty when none did
  int landlock_abi = 0;   // of the one that is up; 0: its files are NOT fenced off, tell the operator
  bool seccomp = false;
  std::string version;
  std::uint64_t resident_bytes = 0;
  std::uint64_t written_bytes = 0;  // by all of them together
};

class Supervisor {
 public:
  // Returns when the engine answers. kInvalid: wrong options. kUnavailable: it doesn't come up in start_ms_max.
  static Result<std::unique_ptr<Supervisor>> start(SupervisorOptions options, Metrics& metrics);
  // Ends it: SIGTERM, after stop_ms_max SIGKILL.
  virtual ~Supervisor() = default;

  // Where Millrace itself asks: a Unix socket, with Basic authorization of these two. They stay the same over restarts.
  virtual std::string socket_path() const = 0;
  virtual std::string user() const = 0;
  virtual std::string secret() const = 0;
  virtual std::string public_address() const = 0;  // "127.0.0.1:8123"; empty without

  // Kills the engine, waits until it is gone, and starts another, which takes the folder's lock before it opens
  // anything. Ok when that one answers: nothing that was sent to its predecessor can take effect any more.
  // kUnavailable: try again later; it goes on starting by itself.
  virtual Result<void> restart() = 0;
  // Everything that was inserted before is on stable storage when it returns ok (syncfs). After the first error every
  // later call fails too, because the kernel reports an error only once.
  virtual Result<void> flush() = 0;
  virtual EngineStatus status() const = 0;
  virtual pid_t pid() const = 0;
};

}  // namespace millrace::engine
