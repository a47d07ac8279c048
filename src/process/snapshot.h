#pragma once
// What a fold of the log has come to at one exact position: the checkpoint there, the ids, the places without a row,
// the views. A start goes on from the newest whole snapshot instead of from the log's begin. Files in the processor's
// folder:
//
//   snapshot-p<partition>-<number>   replaced by one with a higher number; the two newest are kept
//   ids-p<partition>-<chunk>         a sealed chunk of ids, written once, for as long as a snapshot names it
//
// docs/formats/snapshot.md has the bytes.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/file.h"
#include "process/checkpoint.h"
#include "process/dedupe.h"
#include "process/gaps.h"

namespace millrace {

inline constexpr std::uint32_t kSnapshotMagic = 0x5353524d;  // the bytes "MRSS"
inline constexpr std::uint16_t kSnapshotVersion = 1;
inline constexpr std::uint32_t kIdChunkMagic = 0x4449524d;  // the bytes "MRID"
inline constexpr std::uint16_t kIdChunkVersion = 1;
inline constexpr std::uint64_t kSnapshotFileBytesMax = 4ULL << 30;

// A section is u32 kind, u64 bytes, content. A reader skips kinds that it doesn't know.
enum class SnapshotSection : std::uint32_t { kCheckpoint = 1, kIds = 2, kGaps = 3, kViews = 4 };

struct FoldState {
  IdHasher hasher;
  IdTable ids;
  Gaps gaps;
};

struct Snapshot {
  Checkpoint checkpoint;
  FoldState state;
  std::string views;  // as PartitionViews::encode() gave them; empty when there were none
};

// The snapshots of one partition. One thread.
class SnapshotFolder {
 public:
  // Nothing is written outside of `folder`, which must be there.
  SnapshotFolder(FileSystem& files, std::string folder, Generation generation, PartitionId partition);

  // The newest that is whole. Nothing when there is none. What was found damaged on the way is told in complaints().
  // Errors are those of reading the folder, and kInvalid for a newer program's snapshot or another generation's.
  Result<std::optional<Snapshot>> load();
  const std::vector<std::string>& complaints() const { return complaints_; }

  // Writes the sealed chunks that are not in their files yet, then the snapshot; then removes what neither it nor the
  // one before needs. Gives the bytes written.
  Result<std::uint64_t> save(const Checkpoint& checkpoint, FoldState& state, std::string views = {});

  // The log is needed from here on to start from the older of the snapshots that are kept; 0 when there are not two.
  SequenceNumber log_needed_from() const;

 private:
  struct Kept {
    std::uint64_t number = 0;
    SequenceNumber position;
    std::uint64_t first_chunk = 0;  // of the sealed ones that it names
  };
  Result<std::vector<std::uint64_t>> numbers() const;
  Result<Snapshot> read(std::uint64_t number, Kept& kept);
  Result<IdChunk> read_chunk(std::uint64_t chunk, std::uint32_t crc) const;
  Result<void> remove_unneeded();
  std::string snapshot_path(std::uint64_t number) const;
  std::string chunk_path(std::uint64_t chunk) const;

  FileSystem& files_;
  const std::string folder_;
  const Generation generation_;
  const PartitionId partition_;
  std::vector<Kept> kept_;  // at most two, oldest first
  std::uint64_t next_number_ = 1;
  std::vector<std::string> complaints_;
};

}  // namespace millrace
