#pragma once
// Sends messages and says what became of each.

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "stream/kafka/client.h"
#include "stream/kafka/json_batch.h"

namespace millrace::kafka {

// What became of a message: its offset (-1 when nobody knows), or why it failed; it may lie in the topic all the same.
struct Report {
  PartitionId partition;
  std::uint64_t ticket = 0;
  Result<std::int64_t> offset;
};

// send() may be called from any thread, the others from one at a time.
class Producer {
 public:
  using Take = std::function<void(const Report& report)>;

  explicit Producer(KafkaClientOptions options) : options_(std::move(options)) {}
  ~Producer() { end(); }

  // kInvalid: of the settings.
  Result<void> begin();
  // Forgets what waits, without a report. It may lie in the topic all the same, or come there later; what was sent
  // before another comes there before it, or not at all. Nothing is sent until begin().
  void end();

  // Its value must stay as it is until the report, which has the ticket, or end(). kFull: too much waits.
  Result<void> send(PartitionId partition, const MessageInfo& info, const MessageParts& parts, std::uint64_t ticket);

  struct Polled {
    bool brokers_down = false;  // none of them can be reached
    bool over = false;          // the client can't go on: begin anew
    std::string trouble;        // the newest that was said, if any
  };
  // Waits so long for reports, then gives all that are there.
  Polled poll(int timeout_ms, const Take& take);

 private:
  rd_kafka_resp_err_t produce(PartitionId partition, const MessageInfo& info, const MessageParts& parts, void* opaque);
  bool poll_once(int timeout_ms, const Take& take, Polled& polled);

  const KafkaClientOptions options_;
  std::mutex mutex_;          // held while the client is used to send, or replaced
  Owned<rd_kafka_t> client_;  // null after end()
  Owned<rd_kafka_topic_t> topic_;
  Owned<rd_kafka_queue_t> queue_;
  std::string header_;  // of the message that is sent
};

}  // namespace millrace::kafka
