#pragma once
// librdkafka's handles as owners, and its settings. The only room that knows that library; its errors end here.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <librdkafka/rdkafka.h>

#include "base/result.h"
#include "model/event_json.h"
#include "stream/kafka/kafka_options.h"
#include "stream/kafka/message.h"

namespace millrace::kafka {

struct Destroy {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
  void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
};
template <typename T>
using Owned = std::unique_ptr<T, Destroy>;

// kInvalid: a setting that librdkafka doesn't know, or that would break a promise.
Result<Owned<rd_kafka_t>> open_producer(const KafkaClientOptions& options);
Result<Owned<rd_kafka_t>> open_consumer(const KafkaClientOptions& options);
// A member of a consumer group: `rebalance` is called with `opaque` from rd_kafka_consumer_poll() and _close().
using Rebalance = void (*)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void* opaque);
Result<Owned<rd_kafka_t>> open_member(const KafkaClientOptions& options, const std::string& group, Rebalance rebalance,
                                      void* opaque);

std::string text_of(rd_kafka_resp_err_t error);
// An error that the client tells of, with the settings to look at where they are the reason.
std::string trouble_of(rd_kafka_resp_err_t error, std::string_view text);
// What the client has told since the last call, the most telling of it; empty: nothing. Of a client that open_…() gave.
std::string trouble_of(rd_kafka_t* handle);
// What the message says about itself; nothing when it is none of ours. kInvalid: of a newer Millrace.
Result<std::optional<MessageInfo>> info_of(const rd_kafka_message_t& message);
// As it lies there. Who wants events takes record_of(): a value may be JSON.
std::string_view raw_value_of(const rd_kafka_message_t& message);
struct RecordScratch {
  EventJsonReader reader;
  std::string record;
};
// The record that the message brings, in whichever form: a view of its value, or of `scratch`. No record where its JSON
// can't be read; that is told in a log line.
std::string_view record_of(const rd_kafka_message_t& message, MessageFormat format, RecordScratch& scratch);

}  // namespace millrace::kafka
