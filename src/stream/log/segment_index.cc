#include "stream/log/segment_index.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace millrace {
namespace {

constexpr std::string_view kIndexMagic = "MRINDEX1";
constexpr std::size_t kEntryBytes = 24;

}  // namespace

const IndexEntry* find_sequence(const SegmentIndex& index, SequenceNumber sequence) {
  auto after = std::upper_bound(index.begin(), index.end(), sequence,
                                [](SequenceNumber place, const IndexEntry& entry) { return place < entry.first; });
  return after == index.begin() ? nullptr : &*(after - 1);
}

const IndexEntry* find_time(const SegmentIndex& index, TimeNs at) {
  auto after = std::lower_bound(index.begin(), index.end(), at,
                                [](const IndexEntry& entry, TimeNs time) { return entry.received < time; });
  return after == index.begin() ? nullptr : &*(after - 1);
}

std::string encode_index(std::uint64_t segment, const SegmentIndex& index) {
  std::string bytes(kIndexMagic);
  append_le(bytes, segment);
  append_le(bytes, static_cast<std::uint32_t>(index.size()));
  for (const IndexEntry& entry : index) {
    append_le(bytes, entry.first.value);
    append_le(bytes, entry.received);
    append_le(bytes, entry.offset);
  }
  append_le(bytes, crc32c(bytes));
  return bytes;
}

Result<SegmentIndex> decode_index(std::uint64_t segment, std::string_view bytes) {
  if (bytes.size() < 4 ||
      load_le<std::uint32_t>(bytes.data() + bytes.size() - 4) != crc32c(bytes.substr(0, bytes.size() - 4))) {
    return corrupt("not a segment's index");
  }
  ByteReader reader(bytes);
  bool right = reader.take(kIndexMagic.size()) == kIndexMagic && reader.number<std::uint64_t>() == segment;
  auto count = reader.number<std::uint32_t>();
  if (!right || !reader.ok() || reader.rest().size() != count * kEntryBytes + 4) {
    return corrupt("not this segment's index");
  }
  SegmentIndex index;
  index.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    IndexEntry& entry = index.emplace_back();
    entry.first = SequenceNumber(reader.number<std::uint64_t>());
    entry.received = reader.number<TimeNs>();
    entry.offset = reader.number<std::uint64_t>();
  }
  return index;
}

std::string index_name(std::uint64_t segment) { return fmt::format("{:016x}.idx", segment); }

}  // namespace millrace
