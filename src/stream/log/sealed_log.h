#pragma once
// A log that another process writes, read up to the last segment that is full: everything in it was durable when the
// next one began. Changes nothing.

#include <memory>
#include <string>
#include <vector>

#include "io/file.h"
#include "stream/stream_copy.h"

namespace millrace {

class SealedLog final : public CopySource {
 public:
  // `folder` is <data>/log. `files` must outlive it.
  SealedLog(FileSystem& files, const std::string& folder, Generation generation, std::uint16_t partitions);

  // Looks at what is there now. Errors are the file system's.
  Result<void> refresh();

  // As of the last refresh(). `newest_received` is of the first record behind the end, or a little before it.
  PartitionState state(PartitionId partition) override { return partitions_[partition.value].state; }
  // A place that isn't whole any more is kCorrupt: retention has taken it away meanwhile, or it is damaged.
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override;

  struct Segment {
    std::uint64_t id = 0;
    SequenceNumber first;
    std::uint64_t bytes = 0;
  };

 private:
  struct Partition {
    std::vector<Segment> segments;  // the last one isn't read: it is still written
    PartitionState state;
  };

  std::string folder_of(PartitionId partition) const;
  Result<void> look_at(PartitionId partition);

  FileSystem& files_;
  const std::string folder_;
  const Generation generation_;
  std::vector<Partition> partitions_;
};

}  // namespace millrace
