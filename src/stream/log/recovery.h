#pragma once
// Opens one partition's folder: finds its segments, mends the last one after an unclean stop.

#include <cstdint>
#include <string>
#include <vector>

#include "io/file.h"
#include "stream/log/damage.h"
#include "stream/log/segment_list.h"

namespace millrace {

struct RecoveryContext {
  FileSystem& files;
  DamageLog& damage;
  Generation generation;
  PartitionId partition;
  std::string folder;
  std::uint64_t segment_bytes = 0;
  SequenceNumber known_durable;
};

struct RecoveredPartition {
  std::vector<SegmentInfo> segments;
  SequenceNumber end;  // the next event's; all before it is durable
  TimeNs newest_received = 0;
  std::uint64_t next_id = 1;
  std::vector<std::string> recycled;  // paths of files that can be used again
  std::uint64_t torn_bytes = 0;       // left out: they were never acknowledged
};

Result<RecoveredPartition> recover_partition(const RecoveryContext& context);

}  // namespace millrace
