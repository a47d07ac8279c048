#include "stream/log/segment_list.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace millrace {

void SegmentList::load(std::vector<SegmentInfo> segments, SequenceNumber end, TimeNs newest_received) {
  std::lock_guard lock(mutex_);
  segments_.assign(std::make_move_iterator(segments.begin()), std::make_move_iterator(segments.end()));
  end_ = end;
  newest_received_ = newest_received;
}

void SegmentList::add(SegmentInfo segment) {
  std::lock_guard lock(mutex_);
  MR_CHECK(segments_.empty() || segments_.back().id < segment.id);
  MR_CHECK(segment.first == end_);
  segments_.push_back(std::move(segment));
}

void SegmentList::publish(SequenceNumber end, std::uint64_t limit, TimeNs newest_received, const SegmentIndex& more) {
  {
    std::lock_guard lock(mutex_);
    SegmentInfo& newest = segments_.back();
    newest.limit = limit;
    newest.file_bytes = std::max(newest.file_bytes, limit);
    newest.index.insert(newest.index.end(), more.begin(), more.end());
    end_ = end;
    newest_received_ = newest_received;
  }
  durable_.notify_all();
}

void SegmentList::resize(std::uint64_t id, std::uint64_t file_bytes) {
  std::lock_guard lock(mutex_);
  if (std::size_t at = position(id); at < segments_.size() && segments_[at].id == id) {
    segments_[at].file_bytes = file_bytes;
  }
}

std::vector<std::uint64_t> SegmentList::unkept_indexes(bool with_newest) const {
  std::lock_guard lock(mutex_);
  std::vector<std::uint64_t> ids;
  for (const SegmentInfo& segment : segments_) {
    if (!segment.index.empty() && (with_newest || segment.id != segments_.back().id)) {
      ids.push_back(segment.id);
    }
  }
  return ids;
}

void SegmentList::drop_index(std::uint64_t id) {
  std::lock_guard lock(mutex_);
  if (std::size_t at = position(id); at < segments_.size() && segments_[at].id == id) {
    SegmentIndex().swap(segments_[at].index);
  }
}

void SegmentList::wake_all() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  durable_.notify_all();
}

std::size_t SegmentList::position(std::uint64_t id) const {
  auto found = std::lower_bound(segments_.begin(), segments_.end(), id,
                                [](const SegmentInfo& segment, std::uint64_t wanted) { return segment.id < wanted; });
  return static_cast<std::size_t>(found - segments_.begin());
}

SegmentView SegmentList::view_at(std::size_t index) const {
  const SegmentInfo& segment = segments_[index];
  bool newest = index + 1 == segments_.size();
  return {segment.id, segment.first, newest ? end_ : segments_[index + 1].first, segment.limit, newest};
}

Result<SegmentView> SegmentList::locate(SequenceNumber from) const {
  std::lock_guard lock(mutex_);
  if (segments_.empty()) {
    return not_found("the partition is empty");
  }
  if (from < segments_.front().first) {
    return unavailable("retention has given up this place of the log");
  }
  auto after = std::upper_bound(segments_.begin(), segments_.end(), from,
                                [](SequenceNumber place, const SegmentInfo& segment) { return place < segment.first; });
  return view_at(static_cast<std::size_t>(after - segments_.begin()) - 1);
}

std::optional<SegmentView> SegmentList::view(std::uint64_t id) const {
  std::lock_guard lock(mutex_);
  std::size_t at = position(id);
  if (at == segments_.size() || segments_[at].id != id) {
    return std::nullopt;
  }
  return view_at(at);
}

std::optional<SegmentView> SegmentList::following(std::uint64_t id) const {
  std::lock_guard lock(mutex_);
  std::size_t at = position(id + 1);
  if (at == segments_.size()) {
    return std::nullopt;
  }
  return view_at(at);
}

SegmentIndex SegmentList::index(std::uint64_t id) const {
  std::lock_guard lock(mutex_);
  std::size_t at = position(id);
  return at < segments_.size() && segments_[at].id == id ? segments_[at].index : SegmentIndex();
}

Result<SegmentView> SegmentList::locate_time(TimeNs at) const {
  std::lock_guard lock(mutex_);
  if (segments_.empty()) {
    return not_found("the partition is empty");
  }
  auto after = std::lower_bound(segments_.begin() + 1, segments_.end(), at,
                                [](const SegmentInfo& segment, TimeNs time) { return segment.received_before < time; });
  return view_at(static_cast<std::size_t>(after - segments_.begin()) - 1);
}

std::uint64_t SegmentList::bytes_locked() const {
  std::uint64_t bytes = 0;
  for (const SegmentInfo& segment : segments_) {
    bytes += segment.file_bytes;
  }
  return bytes;
}

PartitionState SegmentList::state() const {
  std::lock_guard lock(mutex_);
  return {segments_.empty() ? end_ : segments_.front().first, end_, newest_received_, bytes_locked()};
}

std::size_t SegmentList::segments() const {
  std::lock_guard lock(mutex_);
  return segments_.size();
}

void SegmentList::wait_for(SequenceNumber beyond, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  durable_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return woken_ || end_ > beyond; });
}

void SegmentList::release(SequenceNumber until) {
  std::lock_guard lock(mutex_);
  released_ = std::max(released_, std::min(until, end_));
}

std::optional<SegmentInfo> SegmentList::give_up_oldest(TimeNs received_min, std::uint64_t bytes_max) {
  std::lock_guard lock(mutex_);
  if (segments_.size() < 2 || segments_[1].first > released_) {
    return std::nullopt;
  }
  bool old = segments_[1].received_before < received_min;  // the newest record of the oldest segment
  if (!old && bytes_locked() <= bytes_max) {
    return std::nullopt;
  }
  SegmentInfo oldest = std::move(segments_.front());
  segments_.pop_front();
  return oldest;
}

void SegmentList::put_back(SegmentInfo oldest) {
  std::lock_guard lock(mutex_);
  segments_.push_front(std::move(oldest));
}

}  // namespace millrace
