#include "stream/kafka/topic_copy_target.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace millrace {
namespace {

// Waits for one append.
class OneTold final : public AppendListener {
 public:
  void appended(PartitionId, Result<SequenceRange> result) override {
    std::lock_guard lock(mutex_);
    result_ = std::move(result);
    told_.notify_all();
  }
  Result<SequenceRange> wait() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return result_.has_value(); });
    return *result_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::optional<Result<SequenceRange>> result_;
};

}  // namespace

Result<void> TopicCopyTarget::append_as(const Append& record, MessageFormat format) {
  std::optional<std::uint64_t>& next = next_[record.partition.value];
  if (!next) {
    next = topic_.next_number(record.partition, kCopyProducer);
  }
  MR_TRY(topic_.append_as(record, {kCopyProducer, *next, format}));
  ++*next;
  return {};
}

Result<void> TopicCopyTarget::skip(PartitionId partition, SequenceNumber until, bool gone, TimeNs received) {
  while (state(partition).durable_end < until) {
    std::uint64_t left = until.value - state(partition).durable_end.value;
    auto events = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, kMessageEventsMax));
    OneTold told;
    MR_TRY(append_as({partition, events, received, {}, &told}, gone ? MessageFormat::kGone : MessageFormat::kDamaged));
    MR_TRY(told.wait());
  }
  return {};
}

}  // namespace millrace
