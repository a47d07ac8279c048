#pragma once
// Damage of one partition: counted once, copied aside once, told to the operator. Safe from any thread.

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/metrics.h"
#include "io/file.h"
#include "stream/log/segment_format.h"

namespace millrace {

struct DamagedPlace {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  SequenceRange range;  // of the events that lay there; may be empty
};

class DamageLog {
 public:
  // `folder`: the partition's.
  DamageLog(FileSystem& files, Metrics& metrics, std::string folder);
  // `file` is the segment. A failure to copy is logged: reading goes on.
  void set_aside(File& file, const SegmentIdentity& identity, const DamagedPlace& place);

 private:
  FileSystem& files_;
  Metrics& metrics_;
  const std::string folder_;
  std::mutex mutex_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> known_;  // segment id, offset
};

}  // namespace millrace
