#pragma once
// The bytes of snapshots and id chunks. For snapshot.cc and its tests.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "process/snapshot.h"

namespace millrace {

std::string encode_id_chunk(const IdChunk& chunk, PartitionId partition);
// `crc` is the file's last four bytes, as the snapshot has them: a chunk of another history has others.
Result<IdChunk> decode_id_chunk(std::string_view bytes, PartitionId partition, std::uint64_t number, std::uint32_t crc);

// A sealed chunk, as a snapshot names it.
struct ChunkName {
  std::uint64_t number = 0;
  std::uint32_t crc = 0;
};
struct IdSection {
  std::string secret;
  IdLimits limits;
  std::uint64_t next_chunk = 0;
  TimeNs newest_received = 0;
  std::vector<ChunkName> sealed;
  std::optional<IdChunk> open;
};
struct SnapshotBytes {
  Checkpoint checkpoint;
  IdSection ids;
  Gaps gaps;
  std::string views = {};
};

std::string encode_snapshot(const SnapshotBytes& snapshot);
Result<SnapshotBytes> decode_snapshot(std::string_view bytes);

}  // namespace millrace
