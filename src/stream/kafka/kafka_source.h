#pragma once
// A topic of Apache Kafka that other programs write.

#include <memory>

#include "base/result.h"
#include "stream/kafka/kafka_options.h"
#include "stream/topic_source.h"

namespace millrace {

// Messages of transactions are read once these are through. kInvalid: a setting is wrong.
Result<std::unique_ptr<TopicSource>> open_topic_source(const KafkaClientOptions& options);

}  // namespace millrace
