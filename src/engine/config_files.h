#pragma once
// The engine's own configuration: how much it may take, what it must not do by itself, and two roles. Every session is
// of the engine's one user, who holds both roles; sessions of the public port give up `internal` before they run
// anything.

#include <cstdint>
#include <string>

namespace millrace::engine {

struct EngineBudget {
  std::uint64_t memory_bytes_max = 0;
  unsigned threads = 2;
};

// For --config-file. `users_path` is where the other one lies.
std::string server_config(const EngineBudget& budget, const std::string& users_path);
// Profile and roles.
std::string users_config(const EngineBudget& budget);

}  // namespace millrace::engine
