#pragma once
// The partitions of a topic that several servers share: which of them this server reads at the moment, and from where
// its places are counted on.

#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/metrics.h"
#include "stream/kafka/follower.h"
#include "stream/kafka/kafka_options.h"
#include "stream/kafka/topic_partition.h"

namespace millrace::kafka {

class Attendance {
 public:
  using Partitions = std::vector<std::unique_ptr<TopicPartition>>;
  using Tell = std::function<void(std::vector<Told>&)>;
  // A newer Millrace has written to the topic.
  using Broken = std::function<void(const Error&)>;
  // All of these must outlive it.
  Attendance(const KafkaOptions& options, const Partitions& partitions, Metrics& metrics, Tell tell, Broken broken);

  // As Stream's.
  Result<bool> attend(PartitionId id, std::string_view places);
  void leave(PartitionId id);
  // What is known can be read; nothing new comes.
  void stop();

 private:
  TopicPartition& at(PartitionId id);
  void follow(PartitionId id, const rd_kafka_message_t& message);

  const KafkaOptions& options_;
  const Partitions& partitions_;
  Metrics& metrics_;
  const Tell tell_;
  const Broken broken_;
  RecordScratch followed_record_;    // the follower's
  std::mutex attending_;             // guards what follows
  std::vector<std::int64_t> goals_;  // offsets: the topic's ends when partitions were attended to
  std::unique_ptr<Follower> follower_;
};

}  // namespace millrace::kafka
