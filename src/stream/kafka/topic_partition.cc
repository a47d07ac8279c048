#include "stream/kafka/topic_partition.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "stream/kafka/json_batch.h"

namespace millrace::kafka {
namespace {

constexpr TimeNs kReleasedAfterNs = 600'000'000'000;  // longer than a takeover lasts

}  // namespace

Result<void> TopicPartition::take(std::span<const Append> messages, MessageFormat format, const MessageName* name,
                                  TimeNs now, const Send& send, std::size_t& taken) {
  taken = 0;
  std::lock_guard lock(mutex_);
  if (closed_) {
    return *closed_;
  }
  MessageName own = name != nullptr ? *name : MessageName{producer_, next_number_, format};
  for (const Append& message : messages) {
    MessageInfo info{generation_, message.events, message.received, own.producer, own.number + taken, own.format};
    MR_TRY(send(info, taken, next_ticket_));
    waiting_.emplace(next_ticket_, Waiting{message.listener, info, message.payload.size(), now, false, std::nullopt});
    tickets_[{info.producer, info.number}] = next_ticket_;
    ++next_ticket_;
    ++taken;
    next_number_ += name != nullptr ? 0 : 1;
  }
  return {};
}

void TopicPartition::tell(Place place, Result<SequenceRange> result, std::vector<Told>& told) {
  freed_bytes_ += waiting_bytes_of(place->second.info.format, place->second.bytes);
  told.push_back({place->second.listener, id_, std::move(result)});
  auto ticket = tickets_.find({place->second.info.producer, place->second.info.number});
  if (ticket != tickets_.end() && ticket->second == place->first) {
    tickets_.erase(ticket);
  }
  waiting_.erase(place);
}

void TopicPartition::delivered(std::uint64_t ticket, const Result<std::int64_t>& offset, std::vector<Told>& told) {
  std::lock_guard lock(mutex_);
  Place place = waiting_.find(ticket);
  if (place == waiting_.end()) {
    return;  // it was told that everything failed
  }
  if (!offset.ok()) {
    tell(place, offset.error(), told);
  } else if (shared_) {
    tell(place, kUnknownPlace, told);
  } else if (place->second.range) {
    tell(place, *place->second.range, told);
  } else if (*offset >= 0 && *offset < index_.end().offset) {
    tell(place, unavailable("the topic has lost its end"), told);  // what was read there was another message
  } else {
    place->second.delivered = true;
    if (*offset < 0) {
      ++sought_;
    } else {
      delivered_.emplace(*offset, ticket);
    }
    count_delivered(told);
  }
}

SequenceRange TopicPartition::nowhere() const { return {index_.end().sequence, index_.end().sequence}; }

void TopicPartition::count_delivered(std::vector<Told>& told) {
  bool grown = false;
  while (!delivered_.empty() && delivered_.begin()->first == index_.end().offset) {
    auto [offset, ticket] = *delivered_.begin();
    delivered_.erase(delivered_.begin());
    Place place = waiting_.find(ticket);
    MR_CHECK(place != waiting_.end());
    std::optional<SequenceRange> range = index_.add(offset, place->second.info, place->second.bytes);
    tell(place, range.value_or(nowhere()), told);
    grown = true;
  }
  if (grown) {
    grown_.notify_all();
  }
}

bool TopicPartition::found(std::int64_t offset, const std::optional<MessageInfo>& info, std::uint64_t bytes,
                           std::vector<Told>& told, std::string_view value) {
  std::lock_guard lock(mutex_);
  if (offset < index_.end().offset || (shared_ && !attended_)) {
    return true;
  }
  std::optional<SequenceRange> range = index_.add(offset, info, bytes);
  if (attended_ && range) {
    // shared_ptr: a reader holds it while it is forgotten here.
    keep({offset, *range, index_.end().received, info->format, std::make_shared<const std::string>(value)});
  }
  auto reported = delivered_.find(offset);
  auto named = info ? tickets_.find({info->producer, info->number}) : tickets_.end();
  if (reported != delivered_.end()) {
    Place place = waiting_.find(reported->second);
    delivered_.erase(reported);
    tell(place, range.value_or(nowhere()), told);
  } else if (named != tickets_.end()) {
    found_waiting(waiting_.find(named->second), range, told);
  }
  count_delivered(told);
  grown_.notify_all();
  return range.has_value();
}

void TopicPartition::keep(Kept message) {
  kept_bytes_ += message.value->size();
  kept_.push_back(std::move(message));
  while (kept_bytes_ > kept_bytes_max_) {
    kept_bytes_ -= kept_.front().value->size();
    kept_from_ = kept_.front().offset + 1;
    kept_.pop_front();
  }
}

std::optional<TopicPartition::Kept> TopicPartition::kept(std::int64_t offset) {
  std::lock_guard lock(mutex_);
  if (!attended_ || offset < kept_from_) {
    return std::nullopt;
  }
  auto first = std::lower_bound(kept_.begin(), kept_.end(), offset,
                                [](const Kept& message, std::int64_t at) { return message.offset < at; });
  return first != kept_.end() ? *first : Kept{index_.end().offset - 1, {}, index_.end().received, {}, nullptr};
}

// One of ours that waits lies at a place that its report, if there was one, didn't name.
void TopicPartition::found_waiting(Place place, std::optional<SequenceRange> range, std::vector<Told>& told) {
  place->second.range = range ? range : nowhere();
  if (!place->second.delivered) {
    return;  // told when its report comes
  }
  std::size_t erased = std::erase_if(delivered_, [&](const auto& one) { return one.second == place->first; });
  sought_ -= erased == 0 ? 1 : 0;
  tell(place, *place->second.range, told);
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

std::uint64_t TopicPartition::next_number(std::uint64_t producer) {
  std::lock_guard lock(mutex_);
  return index_.next_number(producer);
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
  return shared_ && !attended_ ? Result<void>() : index_.drop_before(offset);
}

std::string TopicPartition::encode() {
  std::lock_guard lock(mutex_);
  return index_.encode();
}

void TopicPartition::release(SequenceNumber until, TimeNs now) {
  std::lock_guard lock(mutex_);
  until = std::min(until, index_.end().sequence);
  if (!shared_) {
    released_ = std::max(released_, until);
  } else if (now - releasing_since_ >= kReleasedAfterNs) {
    released_ = std::max(released_, std::exchange(releasing_, until));
    releasing_since_ = now;
  }
}

void TopicPartition::attend(PartitionIndex index, std::size_t kept_bytes_max) {
  std::lock_guard lock(mutex_);
  index_ = std::move(index);
  kept_from_ = index_.end().offset;
  kept_bytes_max_ = kept_bytes_max;
  released_ = releasing_ = index_.begin().sequence;
  releasing_since_ = 0;
  attended_ = true;
}

void TopicPartition::leave() {
  std::lock_guard lock(mutex_);
  index_ = PartitionIndex(generation_, id_);
  released_ = SequenceNumber(0);
  attended_ = false;
  kept_.clear();
  kept_bytes_ = 0;
}

bool TopicPartition::attended() {
  std::lock_guard lock(mutex_);
  return attended_;
}

bool TopicPartition::wait_for_offset(std::int64_t offset, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  return grown_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
    return awake_ || index_.end().offset >= offset;
  }) && index_.end().offset >= offset;
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
