#pragma once
// A batch of which each event is a message of its own, as JSON: the messages, and the one who waits for all of them.

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/kafka/message.h"
#include "stream/stream.h"

namespace millrace::kafka {

// Memory that a message takes until it is told: one that is small isn't small in Kafka's client.
inline std::size_t waiting_bytes_of(MessageFormat format, std::size_t value_bytes) {
  constexpr std::size_t kBesideAMessage = 512;
  return value_bytes + (format == MessageFormat::kJson ? kBesideAMessage : 0);
}

// What is sent beside a message's header `millrace`.
struct MessageParts {
  std::string_view value;
  std::string_view key;       // empty: none
  std::string_view project;   // of format json
  std::string_view batch_id;  // of format json; empty: none
};

// Told of each message, from any thread; tells the batch's listener once it knows of all, and is gone then.
class JsonBatch final : public AppendListener {
 public:
  // kInvalid: an event that is longer than that, or a payload that is no record of so many events.
  static Result<std::unique_ptr<JsonBatch>> make(const Append& batch, std::size_t event_bytes_max);

  // Each with this as its listener; its payload is the value.
  std::span<const Append> messages() const { return messages_; }
  const MessageParts& parts(std::size_t message) const { return parts_[message]; }
  std::size_t value_bytes() const { return values_.size(); }
  // What waiting_bytes_of() says of those from `first` on.
  std::size_t waiting_bytes(std::size_t first = 0) const;

  // The first so many were sent, the others never will be: nobody is told of this batch. At once, or once it knows of
  // those that were.
  static void abandon(std::unique_ptr<JsonBatch> batch, std::size_t sent);

  void appended(PartitionId partition, Result<SequenceRange> result) override;

 private:
  explicit JsonBatch(const Append& batch) : batch_(batch) {}
  Result<void> read(std::size_t event_bytes_max);

  const Append batch_;
  std::string values_;
  std::vector<Append> messages_;
  std::vector<MessageParts> parts_;
  std::mutex mutex_;  // guards what follows
  std::size_t untold_ = 0;
  bool abandoned_ = false;
  std::optional<SequenceRange> range_;
  std::optional<Error> error_;
};

// Whether each event of the batch, as JSON, has room in a message of that many bytes: kInvalid says why not.
Result<void> judge_json(const Append& batch, std::size_t event_bytes_max);

}  // namespace millrace::kafka
