#pragma once
// What the kernel counts for a process (proc(5): statm and io).

#include <cstdint>
#include <string>

namespace millrace::engine {

struct ProcessStats {
  std::uint64_t resident_bytes = 0;
  std::uint64_t written_bytes = 0;  // to storage, less what was truncated away before it got there
};

// Opens the files at once and keeps them, so that it works on in a sandbox. Zeros when the process is gone or can't be
// looked at.
class ProcessStatsReader {
 public:
  explicit ProcessStatsReader(const std::string& proc_folder);  // "/proc/self", "/proc/123"
  ~ProcessStatsReader();
  ProcessStatsReader(const ProcessStatsReader&) = delete;
  ProcessStatsReader& operator=(const ProcessStatsReader&) = delete;
  ProcessStats read() const;

 private:
  int statm_ = -1;
  int io_ = -1;
};

}  // namespace millrace::engine
