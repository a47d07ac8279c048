#pragma once
// Which partitions of the topic this server is to process: a consumer group shares them out among its members, and
// moves few of them when one comes or goes (cooperative). The group says who is to own what, no more: messages aren't
// read by it, and what is right never leans on it. The store's takeovers decide.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "stream/kafka/kafka_options.h"

namespace millrace {

// Called from one thread, the group's.
struct GroupCalls {
  std::function<void(PartitionId)> begin;
  // They go to others when it returns. `lost`: others may have them already.
  std::function<void(const std::vector<PartitionId>&, bool lost)> end;
};

class PartitionGroup {
 public:
  virtual ~PartitionGroup() = default;  // leaves the group, after `end` of what it has
};

Result<std::unique_ptr<PartitionGroup>> join_kafka_group(const KafkaClientOptions& options, const std::string& group,
                                                         GroupCalls calls);

}  // namespace millrace
