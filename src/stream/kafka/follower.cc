#include "stream/kafka/follower.h"

#include <fmt/format.h>

namespace millrace::kafka {
namespace {

constexpr int kWaitMs = 100;

}  // namespace

Follower::~Follower() {
  {
    std::lock_guard lock(mutex_);
    quit_ = true;
  }
  thread_.reset();
  for (const auto& [partition, here] : followed_) {
    rd_kafka_consume_stop(topic_.get(), partition.value);
  }
}

Result<void> Follower::begin(PartitionId partition, std::int64_t offset) {
  std::lock_guard lock(mutex_);
  if (client_ == nullptr) {
    MR_ASSIGN(client_, open_consumer(options_));
    topic_.reset(rd_kafka_topic_new(client_.get(), options_.topic.c_str(), nullptr));
    queue_.reset(rd_kafka_queue_new(client_.get()));
    thread_ = std::make_unique<Thread>("kafka-follow", [this] { run(); });
  }
  if (followed_.erase(partition) > 0) {
    rd_kafka_consume_stop(topic_.get(), partition.value);
  }
  if (rd_kafka_consume_start_queue(topic_.get(), partition.value, offset, queue_.get()) != 0) {
    return unavailable(fmt::format("the topic can't be read: {}", text_of(rd_kafka_last_error())));
  }
  followed_[partition] = true;
  return {};
}

void Follower::end(PartitionId partition) {
  std::lock_guard lock(mutex_);
  if (followed_.erase(partition) > 0) {
    rd_kafka_consume_stop(topic_.get(), partition.value);
  }
}

void Follower::run() {
  for (;;) {
    Owned<rd_kafka_message_t> message(rd_kafka_consume_queue(queue_.get(), kWaitMs));
    std::lock_guard lock(mutex_);
    if (quit_) {
      return;
    }
    rd_kafka_poll(client_.get(), 0);
    if (message == nullptr || message->rkt == nullptr) {
      continue;
    }
    PartitionId partition(static_cast<std::uint16_t>(message->partition));
    if (followed_.find(partition) == followed_.end()) {
      continue;  // it was fetched before the partition was left
    }
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
        (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && message->offset > 0)) {
      found_(partition, *message);
    } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
               message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
      failed_(partition, text_of(message->err));
    }
  }
}

}  // namespace millrace::kafka
