#include "stream/kafka/partition_index.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "base/crc32c.h"

namespace millrace {
namespace {

constexpr std::uint32_t kIndexMagic = 0x49'4b'52'4d;  // "MRKI"
constexpr std::uint16_t kIndexVersion = 1;

void encode_anchor(const PartitionIndex::Anchor& anchor, std::string& into) {
  append_le(into, anchor.offset);
  append_le(into, anchor.sequence.value);
  append_le(into, anchor.received);
  append_le(into, anchor.bytes);
}

PartitionIndex::Anchor decode_anchor(ByteReader& from) {
  PartitionIndex::Anchor anchor;
  anchor.offset = from.number<std::int64_t>();
  anchor.sequence = SequenceNumber(from.number<std::uint64_t>());
  anchor.received = from.number<TimeNs>();
  anchor.bytes = from.number<std::uint64_t>();
  return anchor;
}

bool follows(const PartitionIndex::Anchor& next, const PartitionIndex::Anchor& anchor) {
  return next.offset >= anchor.offset && next.sequence >= anchor.sequence && next.received >= anchor.received &&
         next.bytes >= anchor.bytes;
}

}  // namespace

PartitionIndex::PartitionIndex(Generation generation, PartitionId partition)
    : generation_(generation), partition_(partition), anchors_(1) {}

std::optional<SequenceRange> PartitionIndex::add(std::int64_t offset, const std::optional<MessageInfo>& info,
                                                 std::uint64_t bytes) {
  MR_CHECK(offset >= end_.offset);
  const Anchor& last = anchors_.back();
  if (end_.bytes - last.bytes >= kAnchorBytes || end_.offset - last.offset >= kAnchorMessages) {
    anchors_.push_back(end_);
  }
  end_.offset = offset + 1;
  if (!info || !of_generation(*info)) {
    return std::nullopt;
  }
  end_.received = std::max(end_.received, info->received);
  if (!seen_.first(*info, end_.received)) {
    repeats_.push_back(offset);
    return std::nullopt;
  }
  SequenceRange range{end_.sequence, end_.sequence.plus(info->events)};
  end_.sequence = range.end;
  end_.bytes += bytes;
  if (info->format == MessageFormat::kGone) {
    anchors_.assign(1, end_);
  }
  return range;
}

bool PartitionIndex::repeated(std::int64_t offset) const {
  return !repeats_.empty() && std::binary_search(repeats_.begin(), repeats_.end(), offset);
}

const PartitionIndex::Anchor& PartitionIndex::before(SequenceNumber from) const {
  auto behind = std::upper_bound(anchors_.begin(), anchors_.end(), from,
                                 [](SequenceNumber place, const Anchor& anchor) { return place < anchor.sequence; });
  return behind == anchors_.begin() ? *behind : *(behind - 1);
}

const PartitionIndex::Anchor& PartitionIndex::before_time(TimeNs at) const {
  auto behind = std::lower_bound(anchors_.begin(), anchors_.end(), at,
                                 [](const Anchor& anchor, TimeNs time) { return anchor.received < time; });
  return behind == anchors_.begin() ? *behind : *(behind - 1);
}

const PartitionIndex::Anchor& PartitionIndex::give_up_until(SequenceNumber released, TimeNs received_until,
                                                            std::uint64_t bytes_max) const {
  std::size_t until = 0;
  for (std::size_t i = 1; i < anchors_.size() && anchors_[i].sequence <= released; ++i) {
    bool too_old = anchors_[i].received < received_until;
    bool too_much = end_.bytes - anchors_[i - 1].bytes > bytes_max;
    if (!too_old && !too_much) {
      break;
    }
    until = i;
  }
  return anchors_[until];
}

Result<void> PartitionIndex::drop_before(std::int64_t offset) {
  if (offset > end_.offset) {
    return corrupt(fmt::format(
        "partition {} of the topic begins at offset {}, but only what lies before {} was read: events between them are "
        "gone, and nobody knows how many. Begin a new generation, with a new topic and data folder",
        partition_.value, offset, end_.offset));
  }
  while (anchors_.size() > 1 && anchors_.front().offset < offset) {
    anchors_.pop_front();
  }
  if (anchors_.front().offset < offset) {
    anchors_.front() = end_;
  }
  repeats_.erase(repeats_.begin(), std::lower_bound(repeats_.begin(), repeats_.end(), anchors_.front().offset));
  return {};
}

std::string PartitionIndex::encode() const {
  std::string bytes;
  append_le(bytes, kIndexMagic);
  append_le(bytes, kIndexVersion);
  append_le(bytes, partition_.value);
  append_le(bytes, generation_.value);
  encode_anchor(end_, bytes);
  append_le(bytes, static_cast<std::uint32_t>(anchors_.size()));
  for (const Anchor& anchor : anchors_) {
    encode_anchor(anchor, bytes);
  }
  append_le(bytes, static_cast<std::uint32_t>(repeats_.size()));
  for (std::int64_t offset : repeats_) {
    append_le(bytes, offset);
  }
  seen_.encode(bytes);
  append_le(bytes, crc32c(bytes));
  return bytes;
}

Result<PartitionIndex> PartitionIndex::decode(std::string_view bytes, Generation generation, PartitionId partition) {
  Error damaged = corrupt("the index of a partition of the topic is damaged");
  if (bytes.size() < 16 || load_le<std::uint32_t>(bytes.data()) != kIndexMagic) {
    return damaged;
  }
  if (load_le<std::uint16_t>(bytes.data() + 4) > kIndexVersion) {
    return invalid("the index of a partition of the topic was written by a newer program: start that one");
  }
  std::string_view body = bytes.substr(0, bytes.size() - 4);
  if (load_le<std::uint32_t>(bytes.data() + body.size()) != crc32c(body)) {
    return damaged;
  }
  ByteReader reader(body.substr(6));
  auto read_partition = reader.number<std::uint16_t>();
  auto read_generation = reader.number<std::uint32_t>();
  if (read_partition != partition.value || read_generation != generation.value) {
    return invalid("the index is of another partition or generation");
  }
  PartitionIndex index(generation, partition);
  index.end_ = decode_anchor(reader);
  index.anchors_.clear();
  auto anchors = reader.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < anchors && reader.ok(); ++i) {
    Anchor anchor = decode_anchor(reader);
    if (!index.anchors_.empty() && !follows(anchor, index.anchors_.back())) {
      return damaged;
    }
    index.anchors_.push_back(anchor);
  }
  auto repeats = reader.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < repeats && reader.ok(); ++i) {
    index.repeats_.push_back(reader.number<std::int64_t>());
  }
  bool whole = index.seen_.decode(reader) && reader.ok() && reader.rest().empty() && !index.anchors_.empty() &&
               follows(index.end_, index.anchors_.back()) &&
               std::is_sorted(index.repeats_.begin(), index.repeats_.end());
  if (!whole) {
    return damaged;
  }
  return index;
}

}  // namespace millrace
