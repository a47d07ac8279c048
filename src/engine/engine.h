#pragma once
// The child process: ClickHouse's engine (libchdb) behind ClickHouse's HTTP interface, locked in. docs/engine.md
// describes what it answers. Started by Supervisor; the body of the hidden command `millrace engine --options-fd N`.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace millrace::engine {

// Who Millrace itself is at the Unix socket.
inline constexpr const char* kInternalUser = "internal";

// Travels as JSON through an inherited descriptor, so that no secret is ever in an argument or in the environment.
struct EngineOptions {
  std::string data_folder;  // absolute; made if it isn't there. The engine's files lie in its sub-folder db/
  std::string libchdb;      // absolute path of libchdb.so
  int internal_fd = -1;     // a listening Unix socket
  int public_fd = -1;       // a listening TCP socket, or -1
  int ready_fd = -1;        // one line of JSON (ReadyReport) goes here when requests are answered
  int parent = 0;           // process id; the engine dies with it
  std::string internal_secret;
  std::string public_user;
  std::string public_password;
  std::uint64_t memory_bytes_max = 4ULL << 30;
  unsigned threads = 2;
  unsigned internal_queries_max = 8;
  unsigned public_queries_max = 4;
  std::int64_t queue_ms_max = 5'000;
  std::int64_t public_execution_s_max = 60;
};

// What the child reports when it is ready.
struct ReadyReport {
  int landlock_abi = 0;
  bool seccomp = false;
  std::string version;
};

std::string to_json(const EngineOptions& options);
Result<EngineOptions> parse_engine_options(const std::string& json);
std::string to_json(const ReadyReport& report);
Result<ReadyReport> parse_ready_report(const std::string& json);

// Reads options from `fd` to its end and closes it.
Result<EngineOptions> read_engine_options(int fd);

// Doesn't return before SIGTERM. The process must have one thread. The result is its exit status; the caller must leave
// by _exit(), because the library's destructors can hang.
int run_engine(const EngineOptions& options);

}  // namespace millrace::engine

namespace millrace {

// The whole life of the child: reads its options from `options_fd`, runs, and leaves the process.
[[noreturn]] int run_engine(int options_fd);

}  // namespace millrace
