#pragma once
// A whole load: processes that send, and what they did, second by second.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "load/options.h"
#include "load/totals.h"

namespace millrace::load {

// What happened in one second; latencies in nanoseconds, from the moment that requests were due, and 0 when no request
// was taken: then there are none.
struct Second {
  std::uint32_t number = 0;  // 1 is the first
  double seconds = 0;        // its length
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t other = 0;  // failed or unknown events
  TimeNs p50 = 0, p99 = 0, longest = 0;
  TimeNs silent = 0;  // at its end: since the last answer, when none came in this second; else 0
};

struct LoadReport {
  Totals totals;
  std::vector<Second> seconds;
  double elapsed = 0;      // seconds, from the first due time to the last answer
  double cpu_seconds = 0;  // of the sending processes, user and system
  TimeNs silence = 0;      // the longest time that a sending process waited without any answer coming
  bool interrupted = false;
  std::string trouble;  // the first thing that went wrong; empty when nothing did
};

// Sends and returns when it is done. `progress` is called once a second; `interrupted` is asked some times a second,
// and ends the load well when true. The caller has no other threads: processes are forked. Errors: nothing could be
// sent.
Result<LoadReport> run_load(const LoadOptions& options, const std::function<void(const Second&)>& progress,
                            const std::function<bool()>& interrupted);

}  // namespace millrace::load
