#pragma once
// Locks the calling process in, for good. Called while it has one thread, before the engine's library is loaded; every
// later thread inherits it. docs/engine.md lists what is refused and why; docs/adr/0040-engine-sandbox.md what else was
// weighed.

#include <string>
#include <vector>

#include "base/result.h"

namespace millrace::engine {

struct SandboxPolicy {
  std::vector<std::string> read_write;  // folders; everything below them may be made, changed and removed
  std::vector<std::string> read_only;   // folders and files; what doesn't exist is left out
};

struct SandboxReport {
  int landlock_abi = 0;  // 0: the kernel has none, and files are not fenced off
  bool seccomp = false;
};

// After it: no gain of privileges, only the policy's files (Landlock), no new sockets, programs, processes or looks
// into others (seccomp). A kernel without Landlock is reported, not refused. Any other failure is an error: the process
// must not go on.
Result<SandboxReport> enter_sandbox(const SandboxPolicy& policy);

// The two halves. 0 when the kernel has no Landlock.
Result<int> restrict_files(const SandboxPolicy& policy);
Result<void> restrict_system_calls();

// Dies with the parent, no core dumps (they hold data), no descriptors but 0–2 and `keep`, standard input from
// /dev/null, current folder `empty_folder`. kUnavailable when the parent is gone already.
Result<void> shed_inheritance(int parent, const std::vector<int>& keep, const std::string& empty_folder);

}  // namespace millrace::engine
