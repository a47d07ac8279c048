#pragma once
// The topic itself: made if it is absent, looked at, cut at its begin.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "stream/kafka/client.h"

namespace millrace::kafka {

struct TopicPlan {
  std::string name;
  int partitions = 1;
  int replication = 0;  // 0: three, or as many as there are brokers
  int min_insync = 0;   // 0: all copies but one
};

// The topic is there with so many partitions when this returns how large its messages may be. `handle`: of any client.
// kUnavailable: Kafka doesn't answer; kInvalid: the topic has another number of partitions, is compacted, or Kafka
// refuses to make it.
Result<std::int64_t> ensure_topic(rd_kafka_t* handle, const TopicPlan& plan, int timeout_ms);

// kCorrupt: the partition ends before what was known of it. What was read or acknowledged once is there, unless brokers
// have lost it.
Result<void> judge_end(const std::string& topic, PartitionId id, std::int64_t end, std::int64_t known);

// 0 when there is no such topic.
Result<int> partitions_of(rd_kafka_t* handle, const std::string& topic, int timeout_ms);

struct Watermarks {
  std::int64_t low = 0;   // the first offset that is kept
  std::int64_t high = 0;  // one past the last message that enough brokers have
};
// Of every partition. kUnavailable: no answer in that time from one of them; the handle may go on asking a leader that
// is dead, so ask again with another one.
Result<std::vector<Watermarks>> watermarks(rd_kafka_t* handle, const std::string& topic, int partitions,
                                           int timeout_ms);

// Gives up the messages before `offset`.
Result<void> delete_records(rd_kafka_t* handle, const std::string& topic, std::int32_t partition, std::int64_t offset,
                            int timeout_ms);

Result<void> delete_topic(rd_kafka_t* handle, const std::string& topic, int timeout_ms);

}  // namespace millrace::kafka
