#include "stream/kafka/kafka_producer.h"

#include <fmt/format.h>

namespace millrace::kafka {
namespace {

// A number that travels with a message through the library; null would be none.
void* opaque_of(std::uint64_t ticket) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(ticket + 1)); }
std::uint64_t ticket_of(const void* opaque) { return reinterpret_cast<std::uintptr_t>(opaque) - 1; }

Report report_of(const rd_kafka_message_t& message) {
  Report report{PartitionId(static_cast<std::uint16_t>(message.partition)), ticket_of(message._private),
                Result<std::int64_t>(message.offset)};
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    std::string text = fmt::format("Kafka did not acknowledge it: {}", text_of(message.err));
    bool never = message.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;  // for this topic's max.message.bytes
    report.offset = never ? invalid(std::move(text)) : unavailable(std::move(text));
  }
  return report;
}

}  // namespace

Result<void> Producer::begin() {
  MR_ASSIGN(Owned<rd_kafka_t> client, open_producer(options_));
  Owned<rd_kafka_topic_t> topic(rd_kafka_topic_new(client.get(), options_.topic.c_str(), nullptr));
  if (topic == nullptr) {
    return invalid(fmt::format("kafka.topic \"{}\" can't be used: {}", options_.topic, text_of(rd_kafka_last_error())));
  }
  std::lock_guard lock(mutex_);
  queue_.reset(rd_kafka_queue_get_main(client.get()));
  topic_ = std::move(topic);
  client_ = std::move(client);
  return {};
}

void Producer::end() {
  Owned<rd_kafka_t> client;  // goes last, and not under the lock: it joins its threads
  Owned<rd_kafka_topic_t> topic;
  Owned<rd_kafka_queue_t> queue;
  std::lock_guard lock(mutex_);
  client.swap(client_);
  topic.swap(topic_);
  queue.swap(queue_);
}

// The value isn't copied.
rd_kafka_resp_err_t Producer::produce(PartitionId partition, const MessageInfo& info, const MessageParts& parts,
                                      void* opaque) {
  format_message_info(info, header_);
  Owned<rd_kafka_headers_t> headers(rd_kafka_headers_new(3));
  auto add = [&](const char* name, std::string_view text) {
    rd_kafka_header_add(headers.get(), name, -1, text.data(), static_cast<ssize_t>(text.size()));
  };
  add(kMessageHeader, header_);
  if (info.format == MessageFormat::kJson) {
    add(kProjectHeader, parts.project);
  }
  if (!parts.batch_id.empty()) {
    add(kBatchIdHeader, parts.batch_id);
  }
  rd_kafka_resp_err_t error = rd_kafka_producev(
      client_.get(), RD_KAFKA_V_RKT(topic_.get()), RD_KAFKA_V_PARTITION(partition.value), RD_KAFKA_V_MSGFLAGS(0),
      RD_KAFKA_V_KEY(parts.key.empty() ? nullptr : parts.key.data(), parts.key.size()),
      RD_KAFKA_V_VALUE(const_cast<char*>(parts.value.data()), parts.value.size()), RD_KAFKA_V_HEADERS(headers.get()),
      RD_KAFKA_V_TIMESTAMP(info.received / 1'000'000), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
    (void)headers.release();  // the message's from now on
  }
  return error;
}

Result<void> Producer::send(PartitionId partition, const MessageInfo& info, const MessageParts& parts,
                            std::uint64_t ticket) {
  std::lock_guard lock(mutex_);
  if (client_ == nullptr) {
    return unavailable("Kafka's client begins anew");
  }
  rd_kafka_resp_err_t error = produce(partition, info, parts, opaque_of(ticket));
  switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return {};
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
      return full("too many messages wait for Kafka");
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return invalid(
          fmt::format("a batch of {} bytes is too large for a message: send fewer events at once", parts.value.size()));
    default:
      return unavailable(fmt::format("Kafka's client takes no messages: {}", text_of(error)));
  }
}

bool Producer::poll_once(int timeout_ms, const Take& take, Polled& polled) {
  Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue_.get(), timeout_ms));
  if (event == nullptr) {
    return false;
  }
  if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) {
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        polled.trouble = text_of(message->err);
      }
      take(report_of(*message));
    }
  } else if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) {
    polled.brokers_down =
        polled.brokers_down || rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
    if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || polled.trouble.empty()) {  // which says no reason
      polled.trouble = trouble_of(error, rd_kafka_event_error_string(event.get()));
    }
  }
  return true;
}

Producer::Polled Producer::poll(int timeout_ms, const Take& take) {
  Polled polled;
  constexpr int kEventsMax = 16;  // then the caller has its turn
  for (int i = 0; i < kEventsMax && poll_once(i == 0 ? timeout_ms : 0, take, polled); ++i) {
  }
  std::array<char, 256> why{};
  polled.over = rd_kafka_fatal_error(client_.get(), why.data(), why.size()) != RD_KAFKA_RESP_ERR_NO_ERROR;
  if (polled.over) {
    polled.trouble = why.data();
  }
  return polled;
}

}  // namespace millrace::kafka
