#pragma once
// The stream on a topic of Apache Kafka: acknowledged means that all replicas in sync have it, and that they are enough
// (min.insync.replicas). Partition = the topic's partition. docs/formats/kafka-message.md has the messages; which
// sequence numbers they have follows from the topic alone (partition_index.h).
//
// <folder>/<partition>.index     places to count on from; without it the topic is read from its begin

#include <memory>

#include "base/metrics.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/file.h"
#include "stream/kafka/kafka_options.h"
#include "stream/stream.h"

namespace millrace {

// Makes the topic if it is absent, and reads it up to its end. kUnavailable: Kafka doesn't answer in client.timeout_ms;
// kInvalid: a setting is wrong, or the topic is another's; kCorrupt: it has lost its begin or its end. `files`, `clock`
// and `metrics` must outlive the stream.
Result<std::unique_ptr<Stream>> open_kafka_stream(FileSystem& files, Clock& clock, Metrics& metrics,
                                                  const KafkaOptions& options);

// For tests: the topic and all that is in it.
Result<void> delete_kafka_topic(const KafkaClientOptions& options);

}  // namespace millrace
