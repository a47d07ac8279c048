#include "stream/kafka/attendance.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "stream/kafka/topic.h"

namespace millrace::kafka {
namespace {

constexpr std::int64_t kReadMs = 1'000;
constexpr int kAskMs = 2'000;
constexpr std::size_t kKeptBytesMax = 64 << 20;  // of the ends, for readers; all partitions together
constexpr std::size_t kKeptBytesMin = 1 << 20;

}  // namespace

Attendance::Attendance(const KafkaOptions& options, const Partitions& partitions, Metrics& metrics, Tell tell,
                       Broken broken)
    : options_(options),
      partitions_(partitions),
      metrics_(metrics),
      tell_(std::move(tell)),
      broken_(std::move(broken)),
      goals_(partitions.size(), 0) {
  follower_ = std::make_unique<Follower>(
      options_.client, [this](PartitionId id, const rd_kafka_message_t& message) { follow(id, message); },
      [](PartitionId id, const std::string& why) {
        log_error("a partition of the topic can't be read on", {{"partition", id.value}, {"reason", why}});
      });
}

void Attendance::stop() {
  std::lock_guard lock(attending_);
  follower_.reset();
}

TopicPartition& Attendance::at(PartitionId id) {
  MR_CHECK(id.value < partitions_.size());
  return *partitions_[id.value];
}

Result<bool> Attendance::attend(PartitionId id, std::string_view places) {
  TopicPartition& partition = at(id);
  std::unique_lock lock(attending_);
  if (follower_ == nullptr) {
    return unavailable("the stream is stopped");
  }
  if (!partition.attended()) {
    PartitionIndex index(options_.generation, id);
    if (!places.empty()) {
      MR_ASSIGN(index, PartitionIndex::decode(places, options_.generation, id));
    }
    MR_ASSIGN(Owned<rd_kafka_t> client, open_consumer(options_.client));
    MR_ASSIGN(std::vector<Watermarks> marks,
              watermarks(client.get(), options_.client.topic, options_.partitions, kAskMs));
    const Watermarks& ends = marks[id.value];
    MR_TRY(judge_end(options_.client.topic, id, ends.high, index.end().offset));
    MR_TRY(index.drop_before(ends.low));
    goals_[id.value] = ends.high;
    std::int64_t from = index.end().offset;
    partition.attend(std::move(index), std::max(kKeptBytesMin, kKeptBytesMax / options_.partitions));
    if (Result<void> begun = follower_->begin(id, from); !begun.ok()) {
      partition.leave();
      return begun.error();
    }
  }
  std::int64_t goal = goals_[id.value];
  lock.unlock();
  return partition.wait_for_offset(goal, kReadMs);
}

void Attendance::leave(PartitionId id) {
  std::lock_guard lock(attending_);
  if (follower_ != nullptr) {
    follower_->end(id);
    at(id).leave();
  }
}

void Attendance::follow(PartitionId id, const rd_kafka_message_t& message) {
  std::vector<Told> told;
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    // The last ones may be marks of transactions of somebody else, which nobody is given.
    at(id).found(message.offset - 1, std::nullopt, 0, told);
    return;
  }
  Result<std::optional<MessageInfo>> info = info_of(message);
  if (!info.ok()) {
    return broken_(info.error());
  }
  std::string_view record = *info ? record_of(message, (*info)->format, followed_record_) : std::string_view();
  if (!at(id).found(message.offset, *info, message.len, told, record)) {
    metrics_.add(Metric::kStreamSkipped);
  }
  tell_(told);
}

}  // namespace millrace::kafka
