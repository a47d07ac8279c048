#pragma once
// How far a partition has been brought into the store, durably: <folder>/checkpoint-p<partition>.
// docs/formats/checkpoint.md has the bytes.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "io/file.h"

namespace millrace {

// Everything before `position` since the generation began: position == rows + repeats + failed + lost.
struct Counts {
  SequenceNumber position;
  std::uint64_t rows = 0;     // that the store has
  std::uint64_t repeats = 0;  // of an id seen before
  std::uint64_t failed = 0;   // refused by the store for their data
  std::uint64_t lost = 0;     // their bytes in the log are damaged or gone, and the store doesn't have them
  std::uint64_t hash = 0;     // sum of row_hash over the rows
  friend bool operator==(const Counts&, const Counts&) = default;
};

// From `first` on a partition's rows are written by the owner of `epoch`, up to the first place of the next owner.
struct Ownership {
  Epoch epoch;
  SequenceNumber first;
  friend bool operator==(const Ownership&, const Ownership&) = default;
};

struct Checkpoint {
  Generation generation;
  PartitionId partition;
  Epoch epoch;  // of the owner that wrote it
  Counts counts;
  std::vector<Ownership> owners;  // both numbers ascending
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

inline constexpr std::uint32_t kCheckpointMagic = 0x5043524d;  // the bytes "MRCP"
inline constexpr std::uint16_t kCheckpointVersion = 1;

std::string encode_checkpoint(const Checkpoint& checkpoint);
// kCorrupt: these bytes were never a checkpoint, or are no longer one. kInvalid: written by a newer program.
Result<Checkpoint> decode_checkpoint(std::string_view bytes);

std::string checkpoint_path(const std::string& folder, PartitionId partition);
// kNotFound when there is none; kInvalid also when it is of another partition or generation.
Result<Checkpoint> load_checkpoint(FileSystem& files, const std::string& folder, Generation generation,
                                   PartitionId partition);
// Durable when it returns ok; the one before is there after an error.
Result<void> save_checkpoint(FileSystem& files, const std::string& folder, const Checkpoint& checkpoint);

// The epoch whose rows count at `place`; 0 when nobody has owned it.
Epoch owner_of(const std::vector<Ownership>& owners, SequenceNumber place);
// Adds a takeover: whoever owned places from `first` on no longer does. Owners that nothing is left of, or nothing at
// or above `kept_from`, are forgotten.
void add_owner(std::vector<Ownership>& owners, Ownership owner, SequenceNumber kept_from);

// One JSON object, for people.
Result<std::string> dump_checkpoint(FileSystem& files, const std::string& path);

}  // namespace millrace
