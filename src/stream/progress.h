#pragma once
// How far the processor has brought each partition into the store. Written by process/, read by query/
// (read-your-writes, as_of) and app/.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong.h"

namespace millrace {

struct PartitionProgress {
  PartitionId partition;
  Epoch epoch;                  // of the owner that says so; 0: it has not taken the partition over yet
  SequenceNumber stored_until;  // every event before it is visible in the store, or was a repeat, failed later or lost
  SequenceNumber checkpoint_until;  // the same, durably
  SequenceNumber durable_end;       // of the stream
  TimeNs lag = 0;                   // age of the oldest durable event that isn't stored; 0 when all are
  // Counts of everything before stored_until since the generation began:
  // stored_until == rows + repeats + failed + lost.
  std::uint64_t rows = 0, repeats = 0, failed = 0, lost = 0;
  bool stopped = false;  // for good: somebody must look at it
  std::string trouble;   // why it stopped, or what holds it up at the moment; empty when all is well
};

// Safe from any thread.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual std::vector<PartitionProgress> partitions() const = 0;
  // True once stored_until of the partition is at least `until`; false after `timeout_ms`.
  virtual bool wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) = 0;
};

// The ends of an acknowledged batch in each partition that it touched, as clients carry it: "1/0:1024,3:88" is
// generation 1, partition 0 up to (not with) 1024, partition 3 up to 88.
struct Position {
  Generation generation;
  struct End {
    PartitionId partition;
    SequenceNumber end;
  };
  std::vector<End> ends;
};
std::string format_position(const Position& position);
Result<Position> parse_position(std::string_view text);

}  // namespace millrace
