#include "stream/kafka/batch_writer.h"

#include <fmt/format.h>

#include "stream/kafka/kafka_stream.h"

namespace millrace {

Result<void> TopicStream::judge(const Append& batch) const {
  std::size_t bytes = batch.payload.size();
  if (bytes <= batch_bytes_max()) {
    return {};
  }
  return invalid(kafka::batch_too_large(bytes, batch_bytes_max()));
}

}  // namespace millrace

namespace millrace::kafka {

std::string batch_too_large(std::size_t bytes, std::size_t bytes_max) {
  return fmt::format("{} bytes of events are too many for one message of the topic, which takes {}: send fewer at once",
                     bytes, bytes_max);
}

Result<void> BatchWriter::take(TopicPartition& partition, const Append& batch, MessageFormat format,
                               const MessageName* name, TimeNs now) {
  if ((name != nullptr ? name->format : format) == MessageFormat::kJson) {
    return take_json(partition, batch, name, now);
  }
  std::size_t size = batch.payload.size();
  if (size > message_bytes_max) {
    return invalid(batch_too_large(size, message_bytes_max));
  }
  MR_TRY(take_room(size));
  auto send = [&](const MessageInfo& info, std::size_t, std::uint64_t ticket) {
    return producer.send(batch.partition, info, {batch.payload, {}, {}, {}}, ticket);
  };
  std::size_t sent = 0;
  Result<void> taken = partition.take({&batch, 1}, MessageFormat::kPacked, name, now, send, sent);
  if (!taken.ok()) {
    waiting_bytes -= size;
  } else {
    metrics.add(Metric::kStreamWrittenBytes, static_cast<std::int64_t>(size));
  }
  return taken;
}

// When Kafka's client takes only the first events, nothing of the batch is acknowledged.
Result<void> BatchWriter::take_json(TopicPartition& partition, const Append& batch, const MessageName* name,
                                    TimeNs now) {
  MR_ASSIGN(std::unique_ptr<JsonBatch> owned, JsonBatch::make(batch, message_bytes_max));
  JsonBatch& messages = *owned;
  std::size_t size = messages.value_bytes();
  MR_TRY(take_room(messages.waiting_bytes()));
  auto send = [&](const MessageInfo& info, std::size_t message, std::uint64_t ticket) {
    return producer.send(batch.partition, info, messages.parts(message), ticket);
  };
  std::size_t sent = 0;
  Result<void> taken = partition.take(messages.messages(), MessageFormat::kJson, name, now, send, sent);
  if (taken.ok()) {
    (void)owned.release();  // its own, until it is told of all; it may be gone
    metrics.add(Metric::kStreamWrittenBytes, static_cast<std::int64_t>(size));
    return taken;
  }
  waiting_bytes -= messages.waiting_bytes(sent);
  if (sent == 0) {
    return taken;
  }
  JsonBatch::abandon(std::move(owned), sent);
  return unavailable(fmt::format("Kafka's client took a part of it only: {}", taken.error().message));
}

Result<void> BatchWriter::take_room(std::size_t bytes) {
  std::size_t before = waiting_bytes.fetch_add(bytes);
  if (before > 0 && before + bytes > waiting_bytes_max) {
    waiting_bytes -= bytes;
    return full("too many bytes wait for Kafka");
  }
  return {};
}

}  // namespace millrace::kafka
