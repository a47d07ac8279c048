#pragma once
// Sends a batch to its partition of the topic: as one message, or each event as one.

#include <atomic>
#include <cstddef>

#include "base/metrics.h"
#include "stream/kafka/kafka_producer.h"
#include "stream/kafka/topic_partition.h"

namespace millrace::kafka {

// Why a batch is refused.
std::string batch_too_large(std::size_t bytes, std::size_t bytes_max);

// What it refers to is the stream's.
struct BatchWriter {
  Producer& producer;
  std::atomic<std::size_t>& waiting_bytes;  // taken and not yet told
  const std::size_t waiting_bytes_max;
  const std::size_t message_bytes_max;  // of one message's value
  Metrics& metrics;

  // In the name's format; without a name, in `format`. The batch's listener is told as Stream::append() says.
  Result<void> take(TopicPartition& partition, const Append& batch, MessageFormat format, const MessageName* name,
                    TimeNs now);

 private:
  Result<void> take_json(TopicPartition& partition, const Append& batch, const MessageName* name, TimeNs now);
  Result<void> take_room(std::size_t bytes);
};

}  // namespace millrace::kafka
