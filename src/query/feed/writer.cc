#include "query/feed/writer.h"

#include "base/crc32c.h"

namespace millrace {
namespace {

constexpr std::size_t kTickHeadBytes = kFeedHeadBytes + 1 + 8;

void append_text(std::string& bytes, std::string_view text) {
  append_le(bytes, static_cast<std::uint32_t>(text.size()));
  bytes.append(text);
}

// The length and checksum of a frame whose body is there.
void seal(std::string& frame) {
  std::string_view body = std::string_view(frame).substr(kFeedHeadBytes);
  store_le(frame.data(), static_cast<std::uint32_t>(body.size()));
  store_le(frame.data() + 4, crc32c(body));
}

}  // namespace

FeedWriter::FeedWriter(Views& views, std::uint64_t program, Generation generation)
    : views_(views), program_(program), generation_(generation), partitions_(views.partitions()) {}

std::string FeedWriter::hello() const {
  std::string frame(kFeedHeadBytes, '\0');
  append_le(frame, static_cast<std::uint8_t>(FeedKind::kHello));
  append_le(frame, kFeedMagic);
  append_le(frame, kFeedVersion);
  append_le(frame, program_);
  append_le(frame, generation_.value);
  append_le(frame, views_.partitions());
  seal(frame);
  return frame;
}

void FeedWriter::begin_anew() {
  partitions_.assign(views_.partitions(), {});
  views_told_ = 0;
}

void FeedWriter::rest() {
  begin_anew();
  for (std::uint16_t i = 0; i < views_.partitions(); ++i) {
    PartitionViews& partition = views_.partition(PartitionId(i));
    std::lock_guard lock(partition.lock());
    for (const PartitionViews::Lane& lane : partition.lanes()) {
      lane.state->rest_feed();
    }
  }
}

void FeedWriter::begin_frame() {
  frame_.assign(kFeedHeadBytes, '\0');
  append_le(frame_, static_cast<std::uint8_t>(FeedKind::kTick));
  append_le(frame_, number_ + 1);
}

void FeedWriter::end_frame() {
  ++number_;
  seal(frame_);
  frames_.push_back(frame_);
  begin_frame();
}

void FeedWriter::tell_views() {
  std::uint64_t version = views_.version();
  if (version == views_told_) {
    return;
  }
  views_told_ = version;
  std::string frame(kFeedHeadBytes, '\0');
  append_le(frame, static_cast<std::uint8_t>(FeedKind::kViews));
  for (const ViewSpecPtr& spec : views_.list()) {
    append_le(frame, view_id(*spec));
    append_text(frame, spec->name);
  }
  seal(frame);
  frames_.push_back(std::move(frame));
}

void FeedWriter::begin_section(const PartitionProgress& progress, PartitionViews& views) {
  const PartitionViews::Audit& audit = views.last_audit();
  auto stands = [&](const PartitionViews::Lane& lane) { return !lane.live || lane.position == audit.position; };
  bool audited = std::all_of(views.lanes().begin(), views.lanes().end(), stands);
  append_le(frame_, progress.partition.value);
  append_le(frame_, views.owner().value);
  append_le(frame_, progress.stored_until.value);
  append_le(frame_, progress.checkpoint_until.value);
  append_le(frame_, progress.durable_end.value);
  append_le(frame_, progress.lag);
  append_le(frame_, progress.rows);
  append_le(frame_, progress.repeats);
  append_le(frame_, progress.failed);
  append_le(frame_, progress.lost);
  append_le(frame_, static_cast<std::uint8_t>((progress.stopped ? kFeedStopped : 0) | (audited ? kFeedAudited : 0)));
  append_le(frame_, audit.rows);
  append_text(frame_, progress.trouble);
  append_le(frame_, static_cast<std::uint16_t>(views.lanes().size()));
}

std::uint32_t FeedWriter::tell_rows(ViewState& state, std::size_t bytes_max, bool& complete) {
  std::size_t end = frame_.size() + bytes_max;
  std::uint32_t rows = 0;
  complete = state.take_changed(ViewState::Listener::kFeed, [&](const ViewState::Row& row) {
    append_le(frame_, state.bucket_number(row));
    append_le(frame_, static_cast<std::uint8_t>(row.other));
    append_text(frame_, row.key);
    append_le(frame_, row.count);
    std::size_t size_at = frame_.size();
    append_le(frame_, std::uint32_t{0});
    state.aggregates().append_to(row.states, frame_);
    store_le(frame_.data() + size_at, static_cast<std::uint32_t>(frame_.size() - size_at - 4));
    ++rows;
    return frame_.size() < end;
  });
  return rows;
}

// Rows of a view are told once it is live: before, they are nobody's business.
bool FeedWriter::tell_lane(const PartitionViews::Lane& lane, Told& told, std::size_t bytes_max) {
  ViewState& state = *lane.state;
  std::uint8_t flags = lane.live ? kFeedLive : 0;
  if (lane.live && (!told.seen || told.incarnation != lane.incarnation)) {
    flags |= kFeedFirst;
    state.tell_again(ViewState::Listener::kFeed);
    told = {lane.incarnation, true};
  }
  ViewState::Totals totals = state.totals();
  append_le(frame_, view_id(*lane.spec));
  append_le(frame_, lane.incarnation);
  std::size_t flags_at = frame_.size();
  append_le(frame_, flags);
  append_le(frame_, lane.position.value);
  append_le(frame_, lane.missing);
  append_le(frame_, lane.before);
  append_le(frame_, totals.first_kept);
  append_le(frame_, totals.outside);
  append_le(frame_, totals.gone);
  append_le(frame_, totals.passed_by);
  std::size_t rows_at = frame_.size();
  append_le(frame_, std::uint32_t{0});
  append_le(frame_, std::uint32_t{0});
  if (!lane.live) {
    return true;
  }
  bool complete = false;
  std::uint32_t rows = bytes_max > 0 ? tell_rows(state, bytes_max, complete) : 0;
  frame_[flags_at] = static_cast<char>(flags | (complete ? kFeedComplete : 0));
  store_le(frame_.data() + rows_at, rows);
  store_le(frame_.data() + rows_at + 4, static_cast<std::uint32_t>(frame_.size() - rows_at - 8));
  return complete;
}

bool FeedWriter::tell_partition(const PartitionProgress& progress) {
  PartitionViews& views = views_.partition(progress.partition);
  Partition& partition = partitions_[progress.partition.value];
  std::size_t begin = frame_.size();
  bool all = true;
  {
    std::lock_guard lock(views.lock());
    if (views.owner().value == 0) {
      return false;
    }
    begin_section(progress, views);
    for (const PartitionViews::Lane& lane : views.lanes()) {
      std::size_t used = frame_.size() - begin;
      std::size_t left = kHoldBytes - std::min(used, kHoldBytes);
      all = tell_lane(lane, partition.lanes[view_id(*lane.spec)], left) && all;
    }
  }
  // Equal to the one before, byte by byte: then it has no rows, or the same ones, whose counts rise with each change.
  if (std::string_view section = std::string_view(frame_).substr(begin); section == partition.last) {
    frame_.resize(begin);
  } else {
    partition.last = section.size() < kHoldBytes ? section : std::string_view();
  }
  if (frame_.size() > kFrameBytes) {
    end_frame();
  }
  return !all;
}

std::vector<std::string> FeedWriter::tick(const std::vector<PartitionProgress>& progress, bool always) {
  frames_.clear();
  tell_views();
  begin_frame();
  for (const PartitionProgress& one : progress) {
    for (int hold = 0; hold < kHoldsMax && tell_partition(one); ++hold) {
    }
  }
  if (frame_.size() > kTickHeadBytes || (always && frames_.empty())) {
    end_frame();
  }
  return std::move(frames_);
}

}  // namespace millrace
