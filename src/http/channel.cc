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
  while (frames_.size() > kKept || (bytes_ > kKeptBytes && frames_.size() > 1)) {
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
}

std::uint64_t Channel::newest() const {
  std::lock_guard lock(mutex_);
  return newest_;
}

bool Channel::has_base() const {
  std::lock_guard lock(mutex_);
  return base_ != nullptr;
}

std::size_t Channel::behind_base() const {
  std::lock_guard lock(mutex_);
  return base_ == nullptr ? SIZE_MAX : newest_ - base_->number;
}

FramePtr Channel::next(std::uint64_t after) const {
  std::lock_guard lock(mutex_);
  if (after == newest_) {
    return nullptr;
  }
  bool known = after != 0 && after < newest_ && !frames_.empty() && frames_.front()->number <= after + 1;
  bool better_base = base_ != nullptr && base_->number > after;
  if (known && !(better_base && newest_ - after > kSlow)) {
    return frames_[after + 1 - frames_.front()->number];
  }
  if (known || base_ == nullptr || base_->number == after) {
    return known ? frames_[after + 1 - frames_.front()->number] : nullptr;
  }
  return base_;
}

}  // namespace millrace::http
