#include <algorithm>

#include "base/check.h"
#include "http/fan_out.h"

namespace millrace::http {

void Channel::publish(FramePtr frame) {
  std::lock_guard lock(mutex_);
  MR_CHECK(frame->number == newest_ + 1);
  newest_ = frame->number;
  bytes_ += frame->bytes.size();
  frames_.push_back(std::move(frame));
  std::uint64_t base = base_ == nullptr ? 0 : base_->number;
  // What leads on from the base stays, or who reads the base would wait there for the next one.
  while (frames_.size() > kKept || (bytes_ > kKeptBytes && frames_.front()->number <= base)) {
    bytes_ -= frames_.front()->bytes.size();
    frames_.pop_front();
  }
}

void Channel::publish_base(FramePtr frame) {
  std::lock_guard lock(mutex_);
  MR_CHECK(frame->number >= newest_);
  if (frame->number > newest_) {  // what went before leads nowhere
    frames_.clear();
    bytes_ = 0;
    newest_ = frame->number;
  }
  base_ = std::move(frame);
  lagging_ = false;
}

std::uint64_t Channel::newest() const {
  std::lock_guard lock(mutex_);
  return newest_;
}

bool Channel::has_base() const {
  std::lock_guard lock(mutex_);
  return base_ != nullptr;
}

bool Channel::wants_base() const {
  std::lock_guard lock(mutex_);
  bool for_the_slow = base_ != nullptr && lagging_ && base_->bytes.size() <= kSmallBaseBytes && base_->number < newest_;
  return base_ == nullptr || for_the_slow || newest_ - base_->number >= kBehindBase || bytes_ > kKeptBytes;
}

FramePtr Channel::next(std::uint64_t after) const {
  std::lock_guard lock(mutex_);
  if (after == newest_) {
    return nullptr;
  }
  bool known = after != 0 && after < newest_ && !frames_.empty() && frames_.front()->number <= after + 1;
  bool newer_base = base_ != nullptr && base_->number > after;
  if (known && !(newer_base && (newest_ - after > kSlow || base_is_shorter(after)))) {
    lagging_ = lagging_ || newest_ - after > 1;
    return frames_[after + 1 - frames_.front()->number];
  }
  return base_ == nullptr || base_->number == after ? nullptr : base_;
}

// Than the frames that lead to it, of which there are at least two. With mutex_ held.
bool Channel::base_is_shorter(std::uint64_t after) const {
  if (base_->number < after + 2) return false;
  std::size_t bytes = 0;
  for (std::uint64_t number = after + 1; number <= base_->number && bytes < base_->bytes.size(); ++number) {
    bytes += frames_[number - frames_.front()->number]->bytes.size();
  }
  return bytes >= base_->bytes.size();
}

}  // namespace millrace::http
