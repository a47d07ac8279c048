#pragma once
// A topic that a stream is copied into. Each record keeps one name, (kCopyProducer, how many records were copied before
// it): one whose copy broke off, and that comes into the topic late, is counted once.

#include <optional>
#include <vector>

#include "stream/kafka/kafka_stream.h"
#include "stream/stream_copy.h"

namespace millrace {

class TopicCopyTarget final : public CopyTarget {
 public:
  static constexpr std::uint64_t kCopyProducer = 0x6d69'6c6c'636f'7079;  // "millcopy"

  // `topic` must outlive it.
  explicit TopicCopyTarget(TopicStream& topic) : topic_(topic), next_(topic.partitions()) {}

  PartitionState state(PartitionId partition) override { return topic_.state(partition); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override {
    return topic_.reader(partition, from);
  }
  Result<void> append(const Append& record) override { return append_as(record, MessageFormat::kPacked); }
  Result<void> skip(PartitionId partition, SequenceNumber until, bool gone, TimeNs received) override;

 private:
  Result<void> append_as(const Append& record, MessageFormat format);

  TopicStream& topic_;
  std::vector<std::optional<std::uint64_t>> next_;  // numbers, by partition
};

}  // namespace millrace
