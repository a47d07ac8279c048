#pragma once
// Makes one stream hold the records of another under the same sequence numbers, and shows by day that it does:
// `millrace migrate stream`. Each step can be broken off at any moment and done again: the target's end says how far it
// came.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "io/clock.h"
#include "stream/stream.h"

namespace millrace {

// What is copied from: a stream, or as much as can be read of a log that another process writes.
class CopySource {
 public:
  virtual ~CopySource() = default;
  virtual PartitionState state(PartitionId partition) = 0;
  virtual Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) = 0;
};

// All of a stream; it must outlive this.
class WholeStream final : public CopySource {
 public:
  explicit WholeStream(Stream& stream) : stream_(stream) {}
  PartitionState state(PartitionId partition) override { return stream_.state(partition); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override {
    return stream_.reader(partition, from);
  }

 private:
  Stream& stream_;
};

class CopyTarget : public CopySource {
 public:
  // As Stream::append: the next record of its partition.
  virtual Result<void> append(const Append& record) = 0;
  // The partition goes on at `until`: what lies before is gone at the source, or was damaged there. Nothing is on its
  // way meanwhile, and readers from before are not used again.
  virtual Result<void> skip(PartitionId partition, SequenceNumber until, bool gone, TimeNs received) = 0;
};

// Of the records that were received in one day, UTC.
struct DaySum {
  std::uint64_t records = 0;
  std::uint64_t events = 0;
  std::uint64_t hash = 0;  // sum of one over place, received time and contents of each record
  friend bool operator==(const DaySum&, const DaySum&) = default;
};
struct CopySums {
  std::map<std::int64_t, DaySum> days;  // since 1970-01-01
  std::uint64_t damaged = 0;            // events that a disk has lost
  friend bool operator==(const CopySums&, const CopySums&) = default;
};

struct CopyProgress {
  std::uint64_t copied = 0;  // events, now
  std::uint64_t compared = 0;
};

class StreamCopy {
 public:
  // `go_on` is asked every so many records; false ends the step with kUnavailable.
  StreamCopy(CopyTarget& to, std::uint16_t partitions, Clock& clock, std::function<bool(const CopyProgress&)> go_on);

  // Copies what the target lacks of the partition, up to the source's end, and compares what both have and wasn't
  // compared yet: the older part before anything is written, the new part afterwards. kInvalid: the target holds
  // something else, or can't take a record. kUnavailable: the source has given up the place meanwhile, or one of them
  // doesn't answer.
  Result<void> bring(CopySource& from, PartitionId partition);

  // What was compared, on both sides; bring() goes on only while they are the same.
  const CopySums& sums_from() const { return sums_from_; }
  const CopySums& sums_to() const { return sums_to_; }
  const CopyProgress& progress() const { return progress_; }

 private:
  class InFlight;

  Result<void> compare(CopySource& from, PartitionId partition, SequenceNumber until);
  Result<CopySums> sum(CopySource& side, PartitionId partition, SequenceRange range);
  Result<void> copy(CopySource& from, PartitionId partition);
  Result<void> skip_to_begin(CopySource& from, PartitionId partition);
  Result<StreamEntry> next_of(CopySource& side, PartitionId partition, StreamReader& reader, SequenceNumber at);
  Result<void> tell();

  CopyTarget& to_;
  Clock& clock_;
  const std::function<bool(const CopyProgress&)> go_on_;
  std::vector<SequenceNumber> compared_;  // up to here, by partition
  CopySums sums_from_, sums_to_;
  CopyProgress progress_;
  unsigned turns_ = 0;
};

}  // namespace millrace
