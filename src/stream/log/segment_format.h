#pragma once
// The bytes of a segment file, for writer and reader alike; docs/formats/segment.md has a worked example. Numbers are
// little-endian.
//
// A file <segment id, 16 hex digits>.seg in <log>/g<generation>/p<partition>/ holds a header block of 4,096 bytes, then
// frames one behind the other, each a multiple of 8 bytes long:
//
//   at  size
//    0  u32  payload bytes
//    4  u32  CRC-32C of: place (24 bytes, see frame_crc), payload bytes, then everything from 8 to the end of the
//    padding 8  u64  first sequence number
//   16  u32  events
//   20  u32  kind: 1 record, 2 footer (the segment ends here; no payload, no events)
//   24  i64  received time; never less than that of the frame before
//   32  u64  durable sequence: everything before it was durable when this frame was written
//   40       payload, then zeros up to a multiple of 8
//
// Behind the last frame are zeros, or the bytes of an older use of the file: the CRC covers the frame's place, so that
// they never pass for frames of this segment, nor does a frame that strayed to another place.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strong.h"

namespace millrace {

inline constexpr std::string_view kSegmentMagic = "MRSEGMNT";
inline constexpr std::uint32_t kSegmentVersion = 1;
inline constexpr std::uint64_t kSegmentHeaderBytes = 4096;
inline constexpr std::size_t kFrameHeaderBytes = 40;
inline constexpr std::size_t kFrameAlignment = 8;
inline constexpr std::uint32_t kPayloadBytesMax = 256u << 20;

enum class FrameKind : std::uint32_t { kRecord = 1, kFooter = 2 };

// What makes the bytes of one segment different from those of every other.
struct SegmentIdentity {
  Generation generation;
  PartitionId partition;
  std::uint64_t segment = 0;
  friend bool operator==(const SegmentIdentity&, const SegmentIdentity&) = default;
};

// The header block: magic, u32 version, u32 generation, u32 partition, u32 zero, u64 segment id, u64 first sequence,
// i64 received time of the frame before this segment; zeros; at 4,092 the CRC-32C of all before.
struct SegmentHeader {
  SegmentIdentity identity;
  SequenceNumber first;
  TimeNs received_before = 0;
};
std::string encode_segment_header(const SegmentHeader& header);
// kCorrupt: not a header. kInvalid: of a newer version than this program knows.
Result<SegmentHeader> decode_segment_header(std::string_view block);

// The fields of a frame's header, less length and CRC.
struct FrameFields {
  SequenceNumber first;
  std::uint32_t events = 0;
  FrameKind kind = FrameKind::kRecord;
  TimeNs received = 0;
  SequenceNumber durable;

  SequenceNumber end() const { return first.plus(events); }
};

// Header, payload and padding.
constexpr std::uint64_t frame_bytes(std::uint64_t payload_bytes) {
  return (kFrameHeaderBytes + payload_bytes + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
}

// Writes the kFrameHeaderBytes of a frame that will lie at `offset`.
void encode_frame_header(char* into, const SegmentIdentity& identity, std::uint64_t offset, const FrameFields& fields,
                         std::string_view payload);

// What a frame's header claims, unchecked; nothing when it can't be one (kind, lengths).
struct FrameClaim {
  FrameFields fields;
  std::uint32_t payload_bytes = 0;
  std::uint64_t bytes() const { return frame_bytes(payload_bytes); }
};
std::optional<FrameClaim> peek_frame(std::string_view header);
// Whether `frame` (all of its bytes, padding included) is what was written at `offset`.
bool frame_is_whole(std::string_view frame, const SegmentIdentity& identity, std::uint64_t offset);

std::string segment_name(std::uint64_t segment);  // "000000000000001f.seg"
std::optional<std::uint64_t> parse_segment_name(std::string_view name, std::string_view suffix);  // suffix: ".seg", …

}  // namespace millrace
