#pragma once
// Events that could not be taken (refused at the door) or stored (refused by the store), kept with the reason and their
// bytes, within a bound: the oldest go first. Two files in turn in <data>/failed; entries are framed and checked like
// the log's.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "io/file.h"

namespace millrace {

struct FailedEvent {
  TimeNs at = 0;
  std::string project;
  std::string stage;  // "ingest" or "store"
  std::string reason;
  std::string raw;  // the first 16 KiB of its bytes
  bool truncated = false;
  // Its place, for stage "store"; the same place is kept once, however often it is added.
  Generation generation;
  PartitionId partition;
  SequenceNumber sequence;
};

// Safe from any thread.
class FailedEvents {
 public:
  static Result<std::unique_ptr<FailedEvents>> open(FileSystem& files, const std::string& folder,
                                                    std::uint64_t bytes_max);
  // The same without a thread, for a simulation: nothing is synced but by sync(), and nothing is written at the end.
  static Result<std::unique_ptr<FailedEvents>> open_without_thread(FileSystem& files, const std::string& folder,
                                                                   std::uint64_t bytes_max);
  virtual ~FailedEvents() = default;
  // Buffered; at most a second's worth may be lost in a crash unless sync() follows. An entry of stage "store" is
  // followed by sync() before a checkpoint passes it.
  virtual void add(const FailedEvent& event) = 0;
  virtual Result<void> sync() = 0;
  virtual std::vector<FailedEvent> latest(const std::string& project, std::size_t limit) = 0;  // newest first
};

}  // namespace millrace
