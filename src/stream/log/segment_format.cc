#include "stream/log/segment_format.h"

#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace millrace {
namespace {

constexpr std::size_t kHeaderCrcAt = kSegmentHeaderBytes - 4;
constexpr std::size_t kCheckedFrom = 8;  // of a frame: what follows its CRC

// The CRC of a frame up to and with its length: of u32 generation, u32 partition, u64 segment id, u64 offset of the
// frame in the file, u32 payload bytes.
std::uint32_t frame_crc_begin(const SegmentIdentity& identity, std::uint64_t offset, std::uint32_t payload_bytes) {
  std::array<char, 28> place;
  store_le(&place[0], identity.generation.value);
  store_le(&place[4], std::uint32_t{identity.partition.value});
  store_le(&place[8], identity.segment);
  store_le(&place[16], offset);
  store_le(&place[24], payload_bytes);
  return crc32c({place.data(), place.size()});
}

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  std::string block;
  block.reserve(kSegmentHeaderBytes);
  block.append(kSegmentMagic);
  append_le(block, kSegmentVersion);
  append_le(block, header.identity.generation.value);
  append_le(block, std::uint32_t{header.identity.partition.value});
  append_le(block, std::uint32_t{0});
  append_le(block, header.identity.segment);
  append_le(block, header.first.value);
  append_le(block, header.received_before);
  block.resize(kHeaderCrcAt);
  append_le(block, crc32c(block));
  return block;
}

Result<SegmentHeader> decode_segment_header(std::string_view block) {
  if (block.size() < kSegmentHeaderBytes || block.substr(0, kSegmentMagic.size()) != kSegmentMagic ||
      load_le<std::uint32_t>(block.data() + kHeaderCrcAt) != crc32c(block.substr(0, kHeaderCrcAt))) {
    return corrupt("not the header of a segment");
  }
  ByteReader reader(block.substr(kSegmentMagic.size()));
  auto version = reader.number<std::uint32_t>();
  if (version != kSegmentVersion) {
    return invalid(fmt::format("the segment is of version {}, this millrace reads version {}: use a newer millrace",
                               version, kSegmentVersion));
  }
  SegmentHeader header;
  header.identity.generation = Generation(reader.number<std::uint32_t>());
  header.identity.partition = PartitionId(static_cast<std::uint16_t>(reader.number<std::uint32_t>()));
  reader.number<std::uint32_t>();
  header.identity.segment = reader.number<std::uint64_t>();
  header.first = SequenceNumber(reader.number<std::uint64_t>());
  header.received_before = reader.number<TimeNs>();
  return header;
}

void encode_frame_header(char* into, const SegmentIdentity& identity, std::uint64_t offset, const FrameFields& fields,
                         std::string_view payload) {
  auto payload_bytes = static_cast<std::uint32_t>(payload.size());
  store_le(into, payload_bytes);
  store_le(into + 8, fields.first.value);
  store_le(into + 16, fields.events);
  store_le(into + 20, static_cast<std::uint32_t>(fields.kind));
  store_le(into + 24, fields.received);
  store_le(into + 32, fields.durable.value);
  std::uint32_t crc = frame_crc_begin(identity, offset, payload_bytes);
  crc = crc32c({into + kCheckedFrom, kFrameHeaderBytes - kCheckedFrom}, crc);
  crc = crc32c(payload, crc);
  const char padding[kFrameAlignment] = {};
  crc = crc32c({padding, frame_bytes(payload_bytes) - kFrameHeaderBytes - payload_bytes}, crc);
  store_le(into + 4, crc);
}

std::optional<FrameClaim> peek_frame(std::string_view header) {
  if (header.size() < kFrameHeaderBytes) {
    return std::nullopt;
  }
  const char* at = header.data();
  auto kind = load_le<std::uint32_t>(at + 20);
  FrameClaim claim;
  claim.payload_bytes = load_le<std::uint32_t>(at);
  claim.fields.events = load_le<std::uint32_t>(at + 16);
  bool record = kind == static_cast<std::uint32_t>(FrameKind::kRecord) && claim.fields.events > 0 &&
                claim.payload_bytes <= kPayloadBytesMax;
  bool footer =
      kind == static_cast<std::uint32_t>(FrameKind::kFooter) && claim.fields.events == 0 && claim.payload_bytes == 0;
  if (!record && !footer) {
    return std::nullopt;
  }
  claim.fields.first = SequenceNumber(load_le<std::uint64_t>(at + 8));
  if (claim.fields.end() < claim.fields.first) {
    return std::nullopt;  // past the end of all numbers
  }
  claim.fields.kind = static_cast<FrameKind>(kind);
  claim.fields.received = load_le<TimeNs>(at + 24);
  claim.fields.durable = SequenceNumber(load_le<std::uint64_t>(at + 32));
  return claim;
}

bool frame_is_whole(std::string_view frame, const SegmentIdentity& identity, std::uint64_t offset) {
  std::uint32_t crc = frame_crc_begin(identity, offset, load_le<std::uint32_t>(frame.data()));
  return crc32c(frame.substr(kCheckedFrom), crc) == load_le<std::uint32_t>(frame.data() + 4);
}

std::string segment_name(std::uint64_t segment) { return fmt::format("{:016x}.seg", segment); }

std::optional<std::uint64_t> parse_segment_name(std::string_view name, std::string_view suffix) {
  constexpr std::size_t kDigits = 16;
  std::uint64_t segment = 0;
  if (name.size() != kDigits + suffix.size() || name.substr(kDigits) != suffix) {
    return std::nullopt;
  }
  auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, segment, 16);
  if (error != std::errc() || end != name.data() + kDigits) {
    return std::nullopt;
  }
  return segment;
}

}  // namespace millrace
