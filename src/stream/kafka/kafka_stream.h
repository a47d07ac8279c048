#pragma once
// The stream on a topic of Apache Kafka: acknowledged means that all replicas in sync have it, and that they are enough
// (min.insync.replicas). Partition = the topic's partition. docs/formats/kafka-message.md has the messages; which
// sequence numbers they have follows from the topic alone (partition_index.h).
//
// <folder>/<partition>.index     places to count on from; without it the topic is read from its begin

#include <memory>
#include <string>

#include "base/metrics.h"
#include "base/result.h"
#include "io/clock.h"
#include "io/file.h"
#include "stream/kafka/kafka_options.h"
#include "stream/kafka/message.h"
#include "stream/stream.h"

namespace millrace {

// What a stream that stands between others and the topic needs more.
class TopicStream : public Stream {
 public:
  // As append(), under a name: what was sent under it before is counted once, and told as an empty range. The name's
  // format is how it is written. After kUnavailable a beginning of it may come to lie in the topic: its numbers are
  // used then, and nothing else may have them.
  virtual Result<void> append_as(const Append& batch, const MessageName& name) = 0;
  // One past the highest number under which that producer has sent something to this partition; 0: nothing is known.
  virtual std::uint64_t next_number(PartitionId partition, std::uint64_t producer) = 0;
  // Whatever is on its way is told soon that it failed. It may lie in the topic all the same, or come there later; but
  // not without what was sent to its partition before it.
  virtual void give_up() = 0;
  // How batches are written. One that is kept for later is sent in the form in which it was tried first.
  virtual MessageFormat format() const { return MessageFormat::kPacked; }
  // kInvalid, and why, when the batch would be refused for its size.
  virtual Result<void> judge(const Append& batch) const;
  // Whether appends are told with their place, or with kUnknownPlace.
  virtual bool tells_places() const { return true; }
  // A larger message is refused with kInvalid.
  virtual std::size_t batch_bytes_max() const = 0;
};

// Makes the topic if it is absent, and reads it up to its end. kUnavailable: Kafka doesn't answer in client.timeout_ms;
// kInvalid: a setting is wrong, or the topic is another's; kCorrupt: it has lost its begin or its end. `files`, `clock`
// and `metrics` must outlive the stream.
Result<std::unique_ptr<TopicStream>> open_kafka_stream(FileSystem& files, Clock& clock, Metrics& metrics,
                                                       const KafkaOptions& options);

// For tests: the topic and all that is in it.
Result<void> delete_kafka_topic(const KafkaClientOptions& options);

}  // namespace millrace
