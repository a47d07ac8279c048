#pragma once
// What the stream on Kafka asks for.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/strong.h"
#include "stream/kafka/message.h"

namespace millrace {

// Messages up to so many bytes in a topic that Millrace makes: a record is never split. Brokers take requests of 100
// MiB.
inline constexpr std::int64_t kMessageBytesMax = 68'157'440;

struct KafkaClientOptions {
  std::string brokers;  // host:port, separated by commas
  std::string topic;
  std::string compression = "lz4";
  std::int64_t linger_ms = 2;
  std::int64_t timeout_ms = 30'000;  // of a message, and of opening
  std::int64_t message_bytes_max = kMessageBytesMax;
  bool committed_only = false;  // what is read: messages of transactions once these are through
  // Settings of librdkafka, name and value; over everything here but what a promise stands on.
  std::vector<std::pair<std::string, std::string>> more;
};

struct KafkaOptions {
  KafkaClientOptions client;
  std::string folder;  // <data>/kafka: the partitions' indexes; the caller holds the lock of <data>
  Generation generation{1};
  std::uint16_t partitions = 1;
  // With other servers: a partition is read while it is attended to, and appends are told without their place.
  bool shared = false;
  MessageFormat format = MessageFormat::kPacked;  // or kJson: of what is written. Both are read
  int replication = 0;                            // of a topic that is made; 0: three, or as many as there are brokers
  int min_insync = 0;                             // 0: all copies but one
  std::int64_t retain_ms = 3LL * 24 * 3600 * 1000;
  std::uint64_t retain_bytes = 10ULL << 30;  // of all partitions together
  std::size_t waiting_bytes_max = 64 << 20;  // taken and not yet told
  std::int64_t unavailable_after_ms = 2'000;
  std::int64_t check_interval_ms = 1'000;
};

}  // namespace millrace
