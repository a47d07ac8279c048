#pragma once
// Sends messages and says what became of each. After an error that librdkafka can't get over it begins anew with a
// client of its own accord.

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "stream/kafka/client.h"

namespace millrace::kafka {

// What became of a message: its offset (-1 when nobody knows), or why it failed; it may lie in the topic all the same.
struct Report {
  PartitionId partition;
  std::uint64_t ticket = 0;
  Result<std::int64_t> offset;
};

class Producer {
 public:
  using Take = std::function<void(Report report)>;

  static Result<std::unique_ptr<Producer>> open(const KafkaClientOptions& options);

  // Any thread. `payload` must stay as it is until the report, which has the ticket. kFull: too much waits.
  Result<void> send(PartitionId partition, const MessageInfo& info, std::string_view payload, std::uint64_t ticket);

  struct Polled {
    bool brokers_down = false;  // none of them can be reached
    std::string trouble;        // the newest that was said, if any
  };
  // Waits so long for reports, then gives all that are there. One thread.
  Polled poll(int timeout_ms, const Take& take);
  // Gives up on everything that waits: reports come with the next poll.
  void give_up();

 private:
  explicit Producer(const KafkaClientOptions& options) : options_(options) {}
  Result<void> begin();
  void begin_anew(const Take& take);
  bool poll_once(int timeout_ms, const Take& take, Polled& polled);

  const KafkaClientOptions options_;
  std::mutex mutex_;  // held while the client is used to send, or replaced
  Owned<rd_kafka_t> client_;
  Owned<rd_kafka_topic_t> topic_;
  Owned<rd_kafka_queue_t> queue_;
  std::string header_;  // of the message that is sent
};

}  // namespace millrace::kafka
