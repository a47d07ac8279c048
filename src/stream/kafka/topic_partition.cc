#include "stream/kafka/topic_partition.h"

#include <chrono>

#include "base/check.h"

namespace millrace::kafka {

Result<void> TopicPartition::take(const Append& batch, TimeNs now,
                                  const std::function<Result<void>(const MessageInfo&)>& send) {
  std::lock_guard lock(mutex_);
  if (closed_) {
    return *closed_;
  }
  MessageInfo info{generation_, batch.events, batch.received, producer_, next_number_};
  MR_TRY(send(info));
  waiting_.emplace(next_number_, Waiting{batch.listener, info, batch.payload.size(), now, false, std::nullopt});
  ++next_number_;
  return {};
}

void TopicPartition::tell(Place place, Result<SequenceRange> result, std::vector<Told>& told) {
  freed_bytes_ += place->second.bytes;
  told.push_back({place->second.listener, id_, std::move(result)});
  waiting_.erase(place);
}

void TopicPartition::delivered(std::uint64_t number, const Result<std::int64_t>& offset, std::vector<Told>& told) {
  std::lock_guard lock(mutex_);
  Place place = waiting_.find(number);
  if (place == waiting_.end()) {
    return;  // it was told that everything failed
  }
  if (!offset.ok()) {
    tell(place, offset.error(), told);
  } else if (place->second.range) {
    tell(place, *place->second.range, told);
  } else {
    place->second.delivered = true;
    if (*offset < 0) {
      ++sought_;
    } else {
      delivered_.emplace(*offset, number);
    }
    count_delivered(told);
  }
}

void TopicPartition::count_delivered(std::vector<Told>& told) {
  bool grown = false;
  while (!delivered_.empty() && delivered_.begin()->first == index_.end().offset) {
    Place place = waiting_.find(delivered_.begin()->second);
    MR_CHECK(place != waiting_.end());
    std::int64_t offset = delivered_.begin()->first;
    delivered_.erase(delivered_.begin());
    std::optional<SequenceRange> range = index_.add(offset, place->second.info, place->second.bytes);
    // Its number was never counted before: it would have a range.
    MR_CHECK(range.has_value());
    tell(place, *range, told);
    grown = true;
  }
  if (grown) {
    grown_.notify_all();
  }
}

bool TopicPartition::found(std::int64_t offset, const std::optional<MessageInfo>& info, std::uint64_t bytes,
                           std::vector<Told>& told) {
  std::lock_guard lock(mutex_);
  if (offset < index_.end().offset) {
    return true;
  }
  std::optional<SequenceRange> range = index_.add(offset, info, bytes);
  auto reported = delivered_.find(offset);
  bool offset_was_known = reported != delivered_.end();
  if (offset_was_known) {
    delivered_.erase(reported);
  }
  if (range && info->producer == producer_) {
    Place place = waiting_.find(info->number);
    if (place != waiting_.end() && !place->second.delivered) {
      place->second.range = range;  // told when its report comes
    } else if (place != waiting_.end()) {
      if (!offset_was_known) {
        // Its report named no offset, or that of a second copy, which will be a repeat.
        sought_ -= sought_ > 0 ? 1 : 0;
        std::erase_if(delivered_, [&](const auto& one) { return one.second == info->number; });
      }
      tell(place, *range, told);
    }
  }
  count_delivered(told);
  grown_.notify_all();
  return range.has_value();
}

void TopicPartition::close(const Error& why) {
  std::lock_guard lock(mutex_);
  closed_ = why;
}

void TopicPartition::fail(const Error& why, std::vector<Told>& told) {
  std::lock_guard lock(mutex_);
  delivered_.clear();
  sought_ = 0;
  while (!waiting_.empty()) {
    tell(waiting_.begin(), why, told);
  }
}

std::optional<TimeNs> TopicPartition::oldest_waiting() {
  std::lock_guard lock(mutex_);
  return waiting_.empty() ? std::nullopt : std::optional<TimeNs>(waiting_.begin()->second.since);
}

std::size_t TopicPartition::take_freed_bytes() {
  std::lock_guard lock(mutex_);
  return std::exchange(freed_bytes_, 0);
}

std::int64_t TopicPartition::end_offset() {
  std::lock_guard lock(mutex_);
  return index_.end().offset;
}

bool TopicPartition::must_be_read() {
  std::lock_guard lock(mutex_);
  return sought_ > 0 || !delivered_.empty();
}

PartitionState TopicPartition::state() {
  std::lock_guard lock(mutex_);
  const PartitionIndex::Anchor& begin = index_.begin();
  const PartitionIndex::Anchor& end = index_.end();
  return {begin.sequence, end.sequence, end.received, end.bytes - begin.bytes};
}

TopicPartition::Window TopicPartition::window() {
  std::lock_guard lock(mutex_);
  return {index_.begin().offset, index_.end().offset};
}

bool TopicPartition::repeated(std::int64_t offset) {
  std::lock_guard lock(mutex_);
  return index_.repeated(offset);
}

PartitionIndex::Anchor TopicPartition::before(SequenceNumber from) {
  std::lock_guard lock(mutex_);
  return index_.before(from);
}

PartitionIndex::Anchor TopicPartition::before_time(TimeNs at) {
  std::lock_guard lock(mutex_);
  return index_.before_time(at);
}

PartitionIndex::Anchor TopicPartition::give_up_until(TimeNs received_until, std::uint64_t bytes_max) {
  std::lock_guard lock(mutex_);
  return index_.give_up_until(released_, received_until, bytes_max);
}

Result<void> TopicPartition::drop_before(std::int64_t offset) {
  std::lock_guard lock(mutex_);
  return index_.drop_before(offset);
}

std::string TopicPartition::encode() {
  std::lock_guard lock(mutex_);
  return index_.encode();
}

void TopicPartition::release(SequenceNumber until) {
  std::lock_guard lock(mutex_);
  released_ = std::max(released_, std::min(until, index_.end().sequence));
}

void TopicPartition::wait_for(SequenceNumber beyond, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  grown_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                  [&] { return awake_ || index_.end().sequence > beyond; });
}

void TopicPartition::wake() {
  std::lock_guard lock(mutex_);
  awake_ = true;
  grown_.notify_all();
}

}  // namespace millrace::kafka
