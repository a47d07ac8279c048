#pragma once
// Checks every checksum of a log that nobody has open: `millrace verify`. Changes nothing.

#include <cstdint>
#include <string>
#include <vector>

#include "io/file.h"
#include "stream/stream.h"

namespace millrace {

struct LogProblem {
  enum class Kind {
    kDamage,  // bytes that were durable once and don't match their checksum
    kGap,     // events that no segment holds
    kTorn,    // behind the last whole record of a log that wasn't closed; never acknowledged
  };
  Kind kind = Kind::kDamage;
  PartitionId partition;
  std::string path;  // of the segment
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  SequenceRange range;  // of the events that are missing; may be empty (a header, an index, a footer)
};

struct LogReport {
  struct Partition {
    PartitionId partition;
    SequenceRange range;  // kept: begin and end
    std::uint64_t segments = 0;
    std::uint64_t records = 0;
    std::uint64_t events = 0;  // in whole records
    std::uint64_t bytes = 0;   // of segments, up to their last frame
  };
  std::vector<Partition> partitions;
  std::vector<LogProblem> problems;
};

// `folder` is <data>/log. Errors: kNotFound when there is no such generation, or the file system's.
Result<LogReport> verify_log(FileSystem& files, const std::string& folder, Generation generation);

}  // namespace millrace
