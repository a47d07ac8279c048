#pragma once
// Reads the ends of the partitions that a server of several attends to, over one connection: each message is counted by
// its partition's index as it comes, and kept for a while, so that a reader at the end need not fetch it again.

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "io/thread.h"
#include "stream/kafka/client.h"

namespace millrace::kafka {

class Follower {
 public:
  // Called from the follower's thread, in the order of offsets.
  using Found = std::function<void(PartitionId, const rd_kafka_message_t&)>;
  // From the same; the partition's place can't be read any longer, it must be begun anew.
  using Failed = std::function<void(PartitionId, const std::string&)>;
  Follower(const KafkaClientOptions& options, Found found, Failed failed)
      : options_(options), found_(std::move(found)), failed_(std::move(failed)) {}
  ~Follower();

  // Messages of the partition from that offset on.
  Result<void> begin(PartitionId partition, std::int64_t offset);
  // None comes any more when it returns.
  void end(PartitionId partition);

 private:
  void run();

  const KafkaClientOptions options_;
  const Found found_;
  const Failed failed_;
  std::mutex mutex_;  // of what follows; held while a message is told
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_topic_t> topic_;
  Owned<rd_kafka_queue_t> queue_;
  std::map<PartitionId, bool> followed_;
  bool quit_ = false;
  std::unique_ptr<Thread> thread_;
};

}  // namespace millrace::kafka
