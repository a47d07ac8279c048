#include "stream/kafka/topic.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include <fmt/format.h>

#include "base/log.h"

namespace millrace::kafka {
namespace {

constexpr int kReplication = 3;
constexpr int kTries = 100;  // brokers hear of a topic one after the other
constexpr int kTryAgainMs = 50;
constexpr std::int64_t kMessageBytesMin = 64 << 10;

struct DestroyAdmin {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(rd_kafka_DeleteTopic_t* topic) const { rd_kafka_DeleteTopic_destroy(topic); }
  void operator()(rd_kafka_AdminOptions_t* options) const { rd_kafka_AdminOptions_destroy(options); }
  void operator()(rd_kafka_ConfigResource_t* resource) const { rd_kafka_ConfigResource_destroy(resource); }
  void operator()(rd_kafka_DeleteRecords_t* records) const { rd_kafka_DeleteRecords_destroy(records); }
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
  void operator()(const rd_kafka_metadata_t* metadata) const { rd_kafka_metadata_destroy(metadata); }
};
template <typename T>
using Admin = std::unique_ptr<T, DestroyAdmin>;

// The client knows more than the one who asks, when it has no connection.
Error no_answer(rd_kafka_t* handle, const std::string& what, const std::string& why) {
  std::string trouble = trouble_of(handle);
  return unavailable(fmt::format("Kafka can't be asked {}: {}", what, trouble.empty() ? why : trouble));
}

// Sends one request of the admin interface and waits for its answer.
template <typename Send>
Result<Owned<rd_kafka_event_t>> ask(rd_kafka_t* handle, const std::string& what, int timeout_ms, Send&& send) {
  Admin<rd_kafka_AdminOptions_t> options(rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_ANY));
  std::array<char, 256> why{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, why.data(), why.size());
  Owned<rd_kafka_queue_t> queue(rd_kafka_queue_new(handle));
  send(options.get(), queue.get());
  Owned<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), timeout_ms + 1000));
  if (event == nullptr) {
    return no_answer(handle, what, "no answer in time");
  }
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return no_answer(handle, what, rd_kafka_event_error_string(event.get()));
  }
  return event;
}

Result<void> judge(const rd_kafka_topic_result_t* result, rd_kafka_resp_err_t fine, const std::string& what) {
  rd_kafka_resp_err_t error = rd_kafka_topic_result_error(result);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == fine) {
    return {};
  }
  const char* why = rd_kafka_topic_result_error_string(result);
  std::string text = fmt::format("{}: {}", what, why != nullptr ? std::string(why) : text_of(error));
  bool later = error == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT || error == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ||
               error == RD_KAFKA_RESP_ERR_NOT_CONTROLLER;
  return later ? unavailable(std::move(text)) : invalid(std::move(text));
}

struct Found {
  int partitions = 0;  // 0: there is no such topic
  int brokers = 0;
};

Result<Found> look(rd_kafka_t* handle, const std::string& name, int timeout_ms) {
  Owned<rd_kafka_topic_t> topic(rd_kafka_topic_new(handle, name.c_str(), nullptr));
  const rd_kafka_metadata_t* raw = nullptr;
  rd_kafka_resp_err_t error = rd_kafka_metadata(handle, 0, topic.get(), &raw, timeout_ms);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return no_answer(handle, "about its topics", text_of(error));
  }
  Admin<const rd_kafka_metadata_t> metadata(raw);
  Found found{0, metadata->broker_cnt};
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& one = metadata->topics[i];
    if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      found.partitions = one.partition_cnt;
    } else if (one.err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
               one.err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
      return invalid(fmt::format("Kafka says of the topic {}: {}", name, text_of(one.err)));
    }
  }
  return found;
}

Result<void> make(rd_kafka_t* handle, const TopicPlan& plan, int brokers, int timeout_ms) {
  int replication = plan.replication > 0 ? plan.replication : std::clamp(brokers, 1, kReplication);
  int min_insync = plan.min_insync > 0 ? plan.min_insync : std::max(1, replication - 1);
  std::array<char, 256> why{};
  Admin<rd_kafka_NewTopic_t> topic(
      rd_kafka_NewTopic_new(plan.name.c_str(), plan.partitions, replication, why.data(), why.size()));
  if (topic == nullptr) {
    return invalid(fmt::format("the topic {} can't be made: {}", plan.name, why.data()));
  }
  // What isn't stored yet is never given up: Millrace deletes by stream.retain_age and stream.retain_bytes, not Kafka.
  const std::map<std::string, std::string> configs = {{"min.insync.replicas", std::to_string(min_insync)},
                                                      {"cleanup.policy", "delete"},
                                                      {"retention.ms", "-1"},
                                                      {"retention.bytes", "-1"},
                                                      {"unclean.leader.election.enable", "false"},
                                                      {"max.message.bytes", std::to_string(kMessageBytesMax)},
                                                      {"compression.type", "producer"}};
  for (const auto& [name, value] : configs) {
    rd_kafka_NewTopic_set_config(topic.get(), name.c_str(), value.c_str());
  }
  std::string what =
      fmt::format("to make the topic {} with {} partitions, {} copies", plan.name, plan.partitions, replication);
  MR_ASSIGN(Owned<rd_kafka_event_t> answer, ask(handle, what, timeout_ms, [&](auto* options, auto* queue) {
              rd_kafka_NewTopic_t* one = topic.get();
              rd_kafka_CreateTopics(handle, &one, 1, options, queue);
            }));
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    MR_TRY(judge(results[i], RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, "Kafka refuses " + what));
  }
  log_info("a topic was made", {{"topic", plan.name},
                                {"partitions", plan.partitions},
                                {"replication", replication},
                                {"min_insync", min_insync}});
  return {};
}

using Configs = std::map<std::string, std::string>;

Result<Configs> describe(rd_kafka_t* handle, const std::string& name, int timeout_ms) {
  Admin<rd_kafka_ConfigResource_t> resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()));
  MR_ASSIGN(Owned<rd_kafka_event_t> answer,
            ask(handle, "about the topic's settings", timeout_ms, [&](auto* options, auto* queue) {
              rd_kafka_ConfigResource_t* one = resource.get();
              rd_kafka_DescribeConfigs(handle, &one, 1, options, queue);
            }));
  Configs configs;
  std::size_t resources = 0;
  const rd_kafka_ConfigResource_t** described =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(answer.get()), &resources);
  for (std::size_t i = 0; i < resources; ++i) {
    rd_kafka_resp_err_t error = rd_kafka_ConfigResource_error(described[i]);
    if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      return not_found("the broker that was asked doesn't know the topic");
    }
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* why = rd_kafka_ConfigResource_error_string(described[i]);
      return invalid(
          fmt::format("Kafka doesn't tell the settings of the topic {} (its user must be allowed to "
                      "DescribeConfigs): {}",
                      name, why != nullptr ? std::string(why) : text_of(error)));
    }
    std::size_t entries = 0;
    const rd_kafka_ConfigEntry_t** all = rd_kafka_ConfigResource_configs(described[i], &entries);
    for (std::size_t k = 0; k < entries; ++k) {
      const char* value = rd_kafka_ConfigEntry_value(all[k]);
      configs[rd_kafka_ConfigEntry_name(all[k])] = value != nullptr ? value : "";
    }
  }
  return configs;
}

// A topic that somebody else made may lack what Millrace's own have. How large its messages may be.
Result<std::int64_t> judge_configs(const std::string& name, const Configs& configs) {
  auto value = [&](const char* key) {
    auto found = configs.find(key);
    return found == configs.end() ? std::string() : found->second;
  };
  if (value("cleanup.policy").find("compact") != std::string::npos) {
    return invalid(
        fmt::format("the topic {} is compacted, which loses events: set its cleanup.policy to delete", name));
  }
  if (value("min.insync.replicas") == "1") {
    log_info("one broker alone acknowledges events of this topic", {{"topic", name}});
  }
  if (value("retention.ms") != "-1" || value("retention.bytes") != "-1") {
    log_warning(
        "Kafka gives up messages of the topic by age or size, also those that are not stored yet",
        {{"topic", name}, {"retention_ms", value("retention.ms")}, {"retention_bytes", value("retention.bytes")}});
  }
  std::int64_t bytes_max = std::strtoll(value("max.message.bytes").c_str(), nullptr, 10);
  if (bytes_max < kMessageBytesMin) {
    return invalid(fmt::format("the topic {} takes messages of {} bytes at most: set its max.message.bytes to {}", name,
                               bytes_max, kMessageBytesMax));
  }
  if (bytes_max < kMessageBytesMax) {
    log_warning("requests that are larger than the topic's max.message.bytes are refused",
                {{"topic", name}, {"max_message_bytes", bytes_max}, {"better", kMessageBytesMax}});
  }
  return std::min(bytes_max, kMessageBytesMax);
}

// librdkafka's own call for a partition's ends waits for ever for a broker that died, this one doesn't. Kafka takes the
// two ends as points in time.
Result<void> ask_offsets(rd_kafka_t* handle, const std::string& topic, std::int64_t which, int timeout_ms,
                         std::vector<Watermarks>& into, std::int64_t Watermarks::*mark) {
  Admin<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(static_cast<int>(into.size())));
  for (std::size_t i = 0; i < into.size(); ++i) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), static_cast<std::int32_t>(i))->offset = which;
  }
  rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(handle, list.get(), timeout_ms);
  for (std::size_t i = 0; i < into.size() && error == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
    error = list->elems[i].err;
    into[i].*mark = list->elems[i].offset;
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return no_answer(handle, fmt::format("where the partitions of {} begin and end", topic), text_of(error));
  }
  return {};
}

}  // namespace

Result<std::int64_t> ensure_topic(rd_kafka_t* handle, const TopicPlan& plan, int timeout_ms) {
  MR_ASSIGN(Found found, look(handle, plan.name, timeout_ms));
  if (found.partitions == 0) {
    MR_TRY(make(handle, plan, found.brokers, timeout_ms));
    for (int i = 0; i < kTries && found.partitions == 0; ++i) {
      MR_ASSIGN(found, look(handle, plan.name, timeout_ms));
      rd_kafka_poll(handle, found.partitions == 0 ? kTryAgainMs : 0);
    }
  }
  if (found.partitions == 0) {
    return unavailable(fmt::format("the topic {} was made, but no broker knows it yet", plan.name));
  }
  if (found.partitions != plan.partitions) {
    return invalid(fmt::format(
        "the topic {} has {} partitions, stream.partitions is {}: set it to {}, or choose another kafka.topic",
        plan.name, found.partitions, plan.partitions, found.partitions));
  }
  Result<Configs> configs = describe(handle, plan.name, timeout_ms);
  for (int i = 0; i < kTries && !configs.ok() && configs.error().code == Code::kNotFound; ++i) {
    rd_kafka_poll(handle, kTryAgainMs);
    configs = describe(handle, plan.name, timeout_ms);
  }
  if (!configs.ok() && configs.error().code == Code::kNotFound) {
    return no_answer(handle, "about the topic's settings", configs.error().message);
  }
  return configs.ok() ? judge_configs(plan.name, *configs) : configs.error();
}

Result<void> judge_end(const std::string& topic, PartitionId id, std::int64_t end, std::int64_t known) {
  if (end >= known) {
    return {};
  }
  return corrupt(fmt::format(
      "partition {} of the topic {} ends at offset {}, but messages up to {} were there: the topic was made anew, or "
      "its brokers have lost their end. Begin a new generation, with a new topic and data folder",
      id.value, topic, end, known));
}

Result<int> partitions_of(rd_kafka_t* handle, const std::string& topic, int timeout_ms) {
  MR_ASSIGN(Found found, look(handle, topic, timeout_ms));
  return found.partitions;
}

Result<std::vector<Watermarks>> watermarks(rd_kafka_t* handle, const std::string& topic, int partitions,
                                           int timeout_ms) {
  std::vector<Watermarks> marks(static_cast<std::size_t>(partitions));
  MR_TRY(ask_offsets(handle, topic, RD_KAFKA_OFFSET_BEGINNING, timeout_ms, marks, &Watermarks::low));
  MR_TRY(ask_offsets(handle, topic, RD_KAFKA_OFFSET_END, timeout_ms, marks, &Watermarks::high));
  return marks;
}

Result<void> delete_records(rd_kafka_t* handle, const std::string& topic, std::int32_t partition, std::int64_t offset,
                            int timeout_ms) {
  Admin<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  Admin<rd_kafka_DeleteRecords_t> records(rd_kafka_DeleteRecords_new(list.get()));
  MR_ASSIGN(Owned<rd_kafka_event_t> answer, ask(handle, "to delete", timeout_ms, [&](auto* options, auto* queue) {
              rd_kafka_DeleteRecords_t* one = records.get();
              rd_kafka_DeleteRecords(handle, &one, 1, options, queue);
            }));
  const rd_kafka_topic_partition_list_t* offsets =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(answer.get()));
  if (offsets->cnt == 1 && offsets->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return no_answer(handle, "to delete", text_of(offsets->elems[0].err));
  }
  return {};
}

Result<void> delete_topic(rd_kafka_t* handle, const std::string& topic, int timeout_ms) {
  Admin<rd_kafka_DeleteTopic_t> doomed(rd_kafka_DeleteTopic_new(topic.c_str()));
  MR_ASSIGN(Owned<rd_kafka_event_t> answer,
            ask(handle, "to delete a topic", timeout_ms, [&](auto* options, auto* queue) {
              rd_kafka_DeleteTopic_t* one = doomed.get();
              rd_kafka_DeleteTopics(handle, &one, 1, options, queue);
            }));
  return {};
}

}  // namespace millrace::kafka
