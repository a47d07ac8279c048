#pragma once
// The sparse index of a segment: where one frame in about 256 KB begins. In memory while the segment is written, then
// in a file beside it (<segment id>.idx), which is a copy only: when it is missing or bad, the segment is scanned.
//
// The file: magic "MRINDEX1", u64 segment id, u32 entries, then for each u64 first sequence, i64 received time, u64
// offset; at the end the CRC-32C of all before.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong.h"

namespace millrace {

inline constexpr std::uint64_t kIndexSpacingBytes = 256 << 10;

struct IndexEntry {
  SequenceNumber first;
  TimeNs received = 0;
  std::uint64_t offset = 0;
};
using SegmentIndex = std::vector<IndexEntry>;  // ascending in every member

// Whether a frame at `offset` gets an entry.
inline bool wants_entry(const SegmentIndex& index, std::uint64_t offset) {
  return index.empty() || offset >= index.back().offset + kIndexSpacingBytes;
}
// The last entry whose frame begins at or before `sequence`; null when there is none.
const IndexEntry* find_sequence(const SegmentIndex& index, SequenceNumber sequence);
// The last entry that was received before `at`; null when there is none.
const IndexEntry* find_time(const SegmentIndex& index, TimeNs at);

std::string encode_index(std::uint64_t segment, const SegmentIndex& index);
Result<SegmentIndex> decode_index(std::uint64_t segment, std::string_view bytes);  // kCorrupt
std::string index_name(std::uint64_t segment);

}  // namespace millrace
