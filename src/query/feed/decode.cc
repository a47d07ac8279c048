#include <fmt/format.h>

#include "base/crc32c.h"
#include "query/feed/format.h"

namespace millrace {
namespace {

Result<FeedFrame> decode_hello(ByteReader& reader) {
  if (reader.number<std::uint32_t>() != kFeedMagic) {
    return corrupt("this is no feed of views");
  }
  FeedHello hello;
  hello.version = reader.number<std::uint16_t>();
  if (hello.version > kFeedVersion) {
    return invalid(fmt::format("its feed of views has version {}, this program reads up to {}: update this one first",
                               hello.version, kFeedVersion));
  }
  hello.program = reader.number<std::uint64_t>();
  hello.generation = Generation(reader.number<std::uint32_t>());
  hello.partitions = reader.number<std::uint16_t>();
  return FeedFrame(hello);
}

Result<FeedFrame> decode_views(ByteReader& reader) {
  FeedViews views;
  while (reader.ok() && !reader.rest().empty()) {
    FeedViews::One one;
    one.id = reader.number<std::uint64_t>();
    one.name = reader.take(reader.number<std::uint32_t>());
    views.views.push_back(std::move(one));
  }
  return FeedFrame(std::move(views));
}

bool read_lane(ByteReader& reader, FeedLane& lane) {
  lane.view = reader.number<std::uint64_t>();
  lane.incarnation = reader.number<std::uint64_t>();
  auto flags = reader.number<std::uint8_t>();
  lane.live = (flags & kFeedLive) != 0;
  lane.first = (flags & kFeedFirst) != 0;
  lane.complete = (flags & kFeedComplete) != 0;
  lane.position = SequenceNumber(reader.number<std::uint64_t>());
  lane.missing = reader.number<std::uint64_t>();
  lane.before = reader.number<std::uint64_t>();
  lane.totals.first_kept = reader.number<std::int64_t>();
  lane.totals.outside = reader.number<std::uint64_t>();
  lane.totals.gone = reader.number<std::uint64_t>();
  lane.totals.passed_by = reader.number<std::uint64_t>();
  lane.rows = reader.number<std::uint32_t>();
  lane.row_bytes = reader.take(reader.number<std::uint32_t>());
  return reader.ok() && lane.rows <= lane.row_bytes.size() / kFeedRowBytesMin;
}

bool read_partition(ByteReader& reader, FeedPartition& partition) {
  PartitionProgress& progress = partition.progress;
  progress.partition = PartitionId(reader.number<std::uint16_t>());
  partition.owner = Epoch(reader.number<std::uint32_t>());
  progress.stored_until = SequenceNumber(reader.number<std::uint64_t>());
  progress.checkpoint_until = SequenceNumber(reader.number<std::uint64_t>());
  progress.durable_end = SequenceNumber(reader.number<std::uint64_t>());
  progress.lag = reader.number<std::int64_t>();
  progress.rows = reader.number<std::uint64_t>();
  progress.repeats = reader.number<std::uint64_t>();
  progress.failed = reader.number<std::uint64_t>();
  progress.lost = reader.number<std::uint64_t>();
  auto flags = reader.number<std::uint8_t>();
  progress.stopped = (flags & kFeedStopped) != 0;
  partition.audited = (flags & kFeedAudited) != 0;
  partition.audit_rows = reader.number<std::uint64_t>();
  progress.trouble = reader.take(reader.number<std::uint32_t>());
  auto lanes = reader.number<std::uint16_t>();
  for (std::uint16_t i = 0; i < lanes; ++i) {
    if (!read_lane(reader, partition.lanes.emplace_back())) {
      return false;
    }
  }
  return reader.ok() && partition.owner.value > 0;
}

Result<FeedFrame> decode_tick(ByteReader& reader) {
  FeedTick tick;
  tick.number = reader.number<std::uint64_t>();
  while (reader.ok() && !reader.rest().empty()) {
    if (!read_partition(reader, tick.partitions.emplace_back())) {
      return corrupt("a frame of the feed does not fit together");
    }
  }
  return FeedFrame(std::move(tick));
}

}  // namespace

bool next_row(ByteReader& rows, FeedRow& row) {
  row.bucket = rows.number<std::int64_t>();
  row.other = rows.number<std::uint8_t>() != 0;
  row.key = rows.take(rows.number<std::uint32_t>());
  row.count = rows.number<std::uint64_t>();
  row.states = rows.take(rows.number<std::uint32_t>());
  return rows.ok();
}

Result<FeedFrame> decode_feed(std::string_view body) {
  ByteReader reader(body);
  auto kind = static_cast<FeedKind>(reader.number<std::uint8_t>());
  Result<FeedFrame> frame = corrupt("the feed has a frame of no known kind");
  if (kind == FeedKind::kHello) {
    frame = decode_hello(reader);
  } else if (kind == FeedKind::kViews) {
    frame = decode_views(reader);
  } else if (kind == FeedKind::kTick) {
    frame = decode_tick(reader);
  }
  bool whole = reader.ok() && reader.rest().empty();
  return frame.ok() && !whole ? Result<FeedFrame>(corrupt("a frame of the feed is cut")) : frame;
}

void FeedCutter::add(std::string_view bytes) {
  bytes_.erase(0, std::exchange(taken_, 0));
  bytes_.append(bytes);
}

Result<std::string_view> FeedCutter::next() {
  std::string_view rest = std::string_view(bytes_).substr(taken_);
  if (rest.size() < kFeedHeadBytes) {
    return std::string_view();
  }
  auto size = load_le<std::uint32_t>(rest.data());
  if (size == 0 || size > kFeedFrameBytesMax) {
    return corrupt("a frame of the feed has an impossible length");
  }
  if (rest.size() - kFeedHeadBytes < size) {
    return std::string_view();
  }
  std::string_view body = rest.substr(kFeedHeadBytes, size);
  if (crc32c(body) != load_le<std::uint32_t>(rest.data() + 4)) {
    return corrupt("a frame of the feed does not match its checksum");
  }
  taken_ += kFeedHeadBytes + size;
  return body;
}

}  // namespace millrace
