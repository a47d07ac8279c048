#pragma once
// Reads one partition of the topic as far as its index goes: what is kept of its end, the rest over a connection of its
// own.

#include <optional>

#include "io/clock.h"
#include "stream/kafka/client.h"
#include "stream/kafka/topic_partition.h"

namespace millrace::kafka {

// Reads messages of one partition from an offset on. One thread.
class MessageReader {
 public:
  MessageReader(const KafkaClientOptions& options, PartitionId partition) : options_(options), partition_(partition) {}
  ~MessageReader() { stop(); }

  // The next message is the first at or behind `offset`.
  Result<void> seek(std::int64_t offset);
  // kUnavailable: Kafka has given none in `timeout_ms`, or says why it can't. One with the error PARTITION_EOF says
  // that its offset is the end at the moment.
  Result<Owned<rd_kafka_message_t>> next(int timeout_ms);
  // Nothing is fetched until the next seek().
  void stop();

 private:
  const KafkaClientOptions options_;
  const PartitionId partition_;
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_topic_t> topic_;
  bool started_ = false;
};

class KafkaReader final : public StreamReader {
 public:
  // `partition` and `clock` must outlive it.
  KafkaReader(const KafkaClientOptions& options, TopicPartition& partition, PartitionId id, Clock& clock,
              SequenceNumber from);

  Result<StreamEntry> next() override;
  Result<void> seek(SequenceNumber from) override;

 private:
  Result<void> begin();
  Result<bool> fetch(std::int64_t end);
  Result<std::optional<StreamEntry>> entry_of_message();
  std::optional<StreamEntry> entry_of(SequenceRange range, MessageFormat format, std::string_view value);

  TopicPartition& partition_;
  Clock& clock_;
  MessageReader messages_;
  SequenceNumber from_;                            // entries that end at or before it are passed over
  PartitionIndex::Anchor next_;                    // of the message that comes next
  bool begun_ = false;                             // next_ is known
  bool fetching_ = false;                          // messages_ stands at next_
  Owned<rd_kafka_message_t> ahead_;                // read, and not counted by the index yet
  Owned<rd_kafka_message_t> message_;              // whose value the caller may be looking at, or the next one's
  RecordScratch record_;                           // or its record, when the value is JSON
  std::shared_ptr<const std::string> kept_value_;  // shared: with the partition
};

}  // namespace millrace::kafka
