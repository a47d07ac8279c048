#include "stream/kafka/client.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/log.h"
#include "model/record.h"

namespace millrace::kafka {
namespace {

using Options = std::vector<std::pair<std::string, std::string>>;

// What "acknowledged" and the counting of messages stand on.
constexpr std::array<std::string_view, 15> kOurs = {"acks",
                                                    "request.required.acks",
                                                    "enable.idempotence",
                                                    "transactional.id",
                                                    "enable.auto.commit",
                                                    "group.id",
                                                    "partition.assignment.strategy",
                                                    "auto.offset.reset",
                                                    "isolation.level",
                                                    "enable.partition.eof",
                                                    "bootstrap.servers",
                                                    "metadata.broker.list",
                                                    "message.max.bytes",
                                                    "message.timeout.ms",
                                                    "delivery.timeout.ms"};

void log_of_library(const rd_kafka_t*, int level, const char* facility, const char* text) {
  constexpr int kError = 3;  // of syslog; what it warns of it gets over by itself
  log_line(level <= kError ? LogLevel::kWarning : LogLevel::kDebug, "Kafka's client",
           {{"about", std::string(facility)}, {"says", std::string(text)}});
}

Result<void> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) != RD_KAFKA_CONF_OK) {
    return invalid(fmt::format("kafka.{}: {}", name, why.data()));
  }
  return {};
}

Result<void> set_all(rd_kafka_conf_t* conf, const KafkaClientOptions& options, const Options& defaults) {
  for (const auto& [name, value] : defaults) {
    MR_TRY(set(conf, name, value));
  }
  for (const auto& [name, value] : options.more) {
    if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) {
      return invalid(fmt::format("kafka.{} can't be set: what Millrace promises stands on it", name));
    }
    MR_TRY(set(conf, name, value));
  }
  return {};
}

Options common(const KafkaClientOptions& options) {
  return {{"bootstrap.servers", options.brokers},
          {"client.id", "millrace"},
          {"socket.timeout.ms", "10000"},
          {"socket.keepalive.enable", "true"},
          {"reconnect.backoff.max.ms", "1000"},
          {"allow.auto.create.topics", "false"},
          {"message.max.bytes", std::to_string(options.message_bytes_max)}};
}

// No message has a timeout of its own: one would fail and those behind it go on, out of their order. The stream gives
// all of them up together.
Options of_producer(const KafkaClientOptions& options) {
  Options all = common(options);
  Options own = {{"acks", "all"},
                 {"enable.idempotence", "true"},
                 {"compression.codec", options.compression},
                 {"linger.ms", std::to_string(options.linger_ms)},
                 {"message.timeout.ms", "0"},
                 {"request.timeout.ms", std::to_string(std::min<std::int64_t>(options.timeout_ms, 10'000))},
                 {"queue.buffering.max.messages", "10000000"},
                 {"queue.buffering.max.kbytes", "2097151"}};
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

// What a partition of the stream has doesn't depend on transactions of others.
Options of_consumer(const KafkaClientOptions& options) {
  Options all = common(options);
  Options own = {{"auto.offset.reset", "error"},
                 {"isolation.level", options.committed_only ? "read_committed" : "read_uncommitted"},
                 {"enable.partition.eof", "true"},
                 {"check.crcs", "true"},
                 {"fetch.wait.max.ms", "100"},
                 {"fetch.error.backoff.ms", "50"},
                 {"fetch.message.max.bytes", "4194304"},
                 {"queued.max.messages.kbytes", "16384"}};
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

Result<Owned<rd_kafka_t>> open(rd_kafka_type_t type, Owned<rd_kafka_conf_t> conf) {
  std::array<char, 512> why{};
  rd_kafka_t* handle = rd_kafka_new(type, conf.get(), why.data(), why.size());
  if (handle == nullptr) {
    return invalid(fmt::format("the settings of kafka can't be used: {}", why.data()));
  }
  (void)conf.release();  // the handle's from now on
  return Owned<rd_kafka_t>(handle);
}

// A setting of the other kind of client: librdkafka says so in its log and passes over it.
Result<Owned<rd_kafka_t>> open(rd_kafka_type_t type, const KafkaClientOptions& options, const Options& defaults) {
  Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), log_of_library);
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  MR_TRY(set_all(conf.get(), options, defaults));
  return open(type, std::move(conf));
}

std::optional<std::string_view> header_of(const rd_kafka_message_t& message, const char* name) {
  rd_kafka_headers_t* headers = nullptr;
  const void* text = nullptr;
  std::size_t size = 0;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, name, &text, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::nullopt;
  }
  return std::string_view(static_cast<const char*>(text), size);
}

}  // namespace

Result<Owned<rd_kafka_t>> open_producer(const KafkaClientOptions& options) {
  return open(RD_KAFKA_PRODUCER, options, of_producer(options));
}

Result<Owned<rd_kafka_t>> open_consumer(const KafkaClientOptions& options) {
  return open(RD_KAFKA_CONSUMER, options, of_consumer(options));
}

Result<Owned<rd_kafka_t>> open_member(const KafkaClientOptions& options, const std::string& group, Rebalance rebalance,
                                      void* opaque) {
  Options defaults = of_consumer(options);
  Options own = {{"group.id", group},
                 {"partition.assignment.strategy", "cooperative-sticky"},
                 {"enable.auto.commit", "false"},
                 {"session.timeout.ms", "10000"},
                 {"heartbeat.interval.ms", "1000"},
                 {"auto.offset.reset", "latest"}};
  defaults.insert(defaults.end(), own.begin(), own.end());
  Owned<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  rd_kafka_conf_set_log_cb(conf.get(), log_of_library);
  rd_kafka_conf_set_opaque(conf.get(), opaque);
  rd_kafka_conf_set_rebalance_cb(conf.get(), rebalance);
  MR_TRY(set_all(conf.get(), options, defaults));
  MR_ASSIGN(Owned<rd_kafka_t> member, open(RD_KAFKA_CONSUMER, std::move(conf)));
  rd_kafka_poll_set_consumer(member.get());
  return member;
}

std::string text_of(rd_kafka_resp_err_t error) { return rd_kafka_err2str(error); }

std::string trouble_of(rd_kafka_resp_err_t error, std::string_view text) {
  // Until then it sent the nonce of SCRAM in a wrong way, which brokers before 4.0 let pass.
  constexpr int kScramVersion = 0x020601ff;
  bool no_scram = text.find("SCRAM") != std::string_view::npos && rd_kafka_version() < kScramVersion;
  switch (error) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return no_scram
                 ? fmt::format(
                       "{}; with SCRAM, brokers of Kafka 4 refuse also the right password from this version of "
                       "Kafka's client, librdkafka {} (2.6.1 is needed): PLAIN in kafka.sasl.mechanism works. Else "
                       "see kafka.sasl.username and kafka.sasl.password (MILLRACE_KAFKA_SASL_PASSWORD in the "
                       "environment)",
                       text, rd_kafka_version_str())
                 : fmt::format(
                       "{}; see kafka.sasl.mechanism, kafka.sasl.username and kafka.sasl.password "
                       "(MILLRACE_KAFKA_SASL_PASSWORD in the environment)",
                       text);
    case RD_KAFKA_RESP_ERR__SSL:
      return fmt::format(
          "{}; see kafka.security.protocol, and kafka.ssl.ca.location: a PEM file with the authority of the brokers' "
          "certificates",
          text);
    default:
      return std::string(text);
  }
}

std::string trouble_of(rd_kafka_t* handle) {
  auto weight = [](rd_kafka_resp_err_t error) {
    bool settings = error == RD_KAFKA_RESP_ERR__AUTHENTICATION || error == RD_KAFKA_RESP_ERR__SSL;
    return settings ? 3 : error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? 1 : 2;
  };
  Owned<rd_kafka_queue_t> queue(rd_kafka_queue_get_main(handle));
  std::string found;
  int most = 0;
  while (Owned<rd_kafka_event_t> event{rd_kafka_queue_poll(queue.get(), 0)}) {
    rd_kafka_resp_err_t error = rd_kafka_event_error(event.get());
    bool told = rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR && weight(error) >= most;
    if (told) {
      most = weight(error);
      found = trouble_of(error, rd_kafka_event_error_string(event.get()));
    }
  }
  return found;
}

Result<std::optional<MessageInfo>> info_of(const rd_kafka_message_t& message) {
  std::optional<std::string_view> text = header_of(message, kMessageHeader);
  if (!text) {
    return std::optional<MessageInfo>();
  }
  Result<MessageInfo> info = parse_message_info(*text);
  if (!info.ok() && info.error().code == Code::kNotFound) {
    return std::optional<MessageInfo>();
  }
  if (!info.ok()) {
    return info.error();
  }
  return std::optional<MessageInfo>(*info);
}

std::string_view raw_value_of(const rd_kafka_message_t& message) {
  return message.payload == nullptr ? std::string_view()
                                    : std::string_view(static_cast<const char*>(message.payload), message.len);
}

std::string_view record_of(const rd_kafka_message_t& message, MessageFormat format, RecordScratch& scratch) {
  if (format != MessageFormat::kJson) {
    return raw_value_of(message);
  }
  auto& [reader, record] = scratch;
  std::string_view project = header_of(message, kProjectHeader).value_or(std::string_view());
  if (!reader.read(raw_value_of(message)) || project.empty() || project.size() > UINT8_MAX) {
    log_error("a message of the topic that says it is an event can't be read",
              {{"partition", message.partition}, {"offset", message.offset}});
    return {};
  }
  if (std::optional<std::string_view> id = header_of(message, kBatchIdHeader); id && reader.event().id.empty()) {
    reader.event().id = id->substr(0, UINT16_MAX);
    reader.event().id_kind = IdKind::kBatch;
  }
  record.clear();
  begin_record(record, project);
  append_event(record, reader.event());
  return record;
}

}  // namespace millrace::kafka
