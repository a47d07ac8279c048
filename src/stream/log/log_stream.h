#pragma once
// The stream on files of this machine: acknowledged means written and synced by fdatasync.
//
// <folder>/g<generation>/partitions          the number of partitions, fixed for the generation
// <folder>/g<generation>/p<partition>/       segments (segment_format.h), their indexes, spare files, damaged/

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/file.h"
#include "stream/log/log_writer.h"
#include "stream/stream.h"

namespace millrace {

struct LogOptions {
  std::string folder;  // <data>/log; the caller holds the lock of <data>
  Generation generation{1};
  std::uint16_t partitions = 1;            // 1 … 256; each has a thread and costs a sync a group
  std::uint64_t segment_bytes = 64 << 20;  // each partition has one spare segment of this size on disk
  std::int64_t retain_ms = 3LL * 24 * 3600 * 1000;
  std::uint64_t retain_bytes = 10ULL << 30;   // of all partitions together
  std::uint64_t free_bytes_min = 1ULL << 30;  // below it, appends are refused with kFull
  std::size_t waiting_bytes_max = 64 << 20;   // taken and not yet told
  std::int64_t check_interval_ms = 1000;      // free space, retention
  // For each partition, a place that is known to have been durable from elsewhere (a checkpoint): if the log ends
  // before it, what is missing is damage and new events go behind it, so that no sequence number is given twice. May be
  // shorter than the number of partitions.
  std::vector<SequenceNumber> durable_at_least;
};

// Opens or makes the log. After an unclean stop, what is found behind the last durable event is kept as far as it is
// whole, made durable again, and a new segment begins. Errors: kInvalid (another number of partitions, a newer format,
// a segment size out of bounds), or the file system's. `files`, `clock` and `metrics` must outlive the stream.
Result<std::unique_ptr<Stream>> open_log_stream(FileSystem& files, Clock& clock, Metrics& metrics,
                                                const LogOptions& options);

// The same without threads, for a simulation: nothing happens but in these steps and in stop(), in the caller's thread.
// Destroyed without stop(), it is as if the process had died: nothing more is written, and who waits is refused.
class SteppedLog : public Stream {
 public:
  virtual WriterStep step_writer(PartitionId partition) = 0;
  virtual bool step_housekeeping() = 0;  // false at the end of a round
};
Result<std::unique_ptr<SteppedLog>> open_stepped_log(FileSystem& files, Clock& clock, Metrics& metrics,
                                                     const LogOptions& options);

}  // namespace millrace
