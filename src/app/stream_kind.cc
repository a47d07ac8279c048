#include "app/stream_kind.h"

#include "app/roles.h"
#include "process/checkpoint.h"
#include "stream/kafka/kafka_stream.h"
#include "stream/spill/spilling_stream.h"

namespace millrace {

LogOptions log_options(const SettingValues& values, const std::string& data, const Node& node) {
  LogOptions options;
  options.folder = data + "/log";
  options.generation = node.generation;
  options.partitions = node.partitions;
  options.segment_bytes = values.stream_segment_bytes;
  options.retain_ms = values.stream_retain_age.count();
  options.retain_bytes = values.stream_retain_bytes;
  options.free_bytes_min = values.stream_free_bytes_min;
  options.waiting_bytes_max = values.stream_waiting_bytes_max;
  return options;
}

KafkaClientOptions kafka_client_options(const SettingValues& values) {
  KafkaClientOptions options;
  options.brokers = values.kafka_brokers;
  options.topic = values.kafka_topic;
  options.compression = values.kafka_compression;
  options.linger_ms = values.kafka_linger.count();
  options.timeout_ms = values.kafka_timeout.count();
  options.more = values.kafka_options;
  if (!values.kafka_sasl_password.empty()) {
    options.more.emplace_back("sasl.password", values.kafka_sasl_password);
  }
  if (!values.kafka_ssl_key_password.empty()) {
    options.more.emplace_back("ssl.key.password", values.kafka_ssl_key_password);
  }
  return options;
}

KafkaClientOptions source_options(const SettingValues& values) {
  KafkaClientOptions options = kafka_client_options(values);
  options.topic = values.source_kafka_topic;
  options.brokers = values.source_kafka_brokers.empty() ? values.kafka_brokers : values.source_kafka_brokers;
  return options;
}

KafkaOptions kafka_options(const SettingValues& values, const std::string& data, const Node& node) {
  KafkaOptions options;
  options.client = kafka_client_options(values);
  options.folder = data + "/kafka";
  options.generation = node.generation;
  options.partitions = node.partitions;
  Roles roles = roles_of(values);
  options.shared = !roles.process || !roles.group.empty();
  options.format = values.kafka_message == "json" ? MessageFormat::kJson : MessageFormat::kPacked;
  options.replication = static_cast<int>(values.kafka_replication);
  options.min_insync = static_cast<int>(values.kafka_min_insync);
  options.retain_ms = values.stream_retain_age.count();
  options.retain_bytes = values.stream_retain_bytes;
  options.waiting_bytes_max = values.stream_waiting_bytes_max;
  options.unavailable_after_ms = values.kafka_unavailable_after.count();
  return options;
}

namespace {

Result<std::unique_ptr<Stream>> open_log(FileSystem& files, Clock& clock, Metrics& metrics, LogOptions options,
                                         const std::string& process_folder) {
  for (std::uint16_t i = 0; i < options.partitions; ++i) {
    Result<Checkpoint> checkpoint = load_checkpoint(files, process_folder, options.generation, PartitionId(i));
    if (!checkpoint.ok() && checkpoint.error().code != Code::kNotFound) {
      return checkpoint.error();
    }
    options.durable_at_least.push_back(checkpoint.ok() ? checkpoint->counts.position : SequenceNumber(0));
  }
  return open_log_stream(files, clock, metrics, options);
}

Result<std::unique_ptr<Stream>> open_topic(FileSystem& files, Clock& clock, Metrics& metrics,
                                           const SettingValues& values, const std::string& data, const Node& node) {
  MR_ASSIGN(std::unique_ptr<TopicStream> topic,
            open_kafka_stream(files, clock, metrics, kafka_options(values, data, node)));
  std::string folder = data + "/spill";
  bool spilled_before = files.list(folder).ok();  // also where nothing is spilled any more, that must be forwarded
  if (values.kafka_on_unavailable != "spill" && !spilled_before) {
    return std::unique_ptr<Stream>(std::move(topic));
  }
  SpillOptions options;
  options.folder = std::move(folder);
  options.log = log_options(values, data, node);
  options.held_bytes_max = values.stream_waiting_bytes_max;
  options.forward_only = values.kafka_on_unavailable != "spill";
  return open_spilling_stream(std::move(topic), files, clock, metrics, options);
}

}  // namespace

Result<std::unique_ptr<Stream>> open_stream(FileSystem& files, Clock& clock, Metrics& metrics,
                                            const SettingValues& values, const std::string& data, const Node& node) {
  if (node.stream == "kafka") {
    return open_topic(files, clock, metrics, values, data, node);
  }
  return open_log(files, clock, metrics, log_options(values, data, node), data + "/process");
}

}  // namespace millrace
