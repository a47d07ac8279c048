#include "stream/kafka/kafka_source.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "stream/kafka/client.h"
#include "stream/kafka/topic.h"

namespace millrace {
namespace {

constexpr int kAskMs = 5'000;

class KafkaTopicSource final : public TopicSource {
 public:
  explicit KafkaTopicSource(const KafkaClientOptions& options) : options_(options) {}
  ~KafkaTopicSource() override { end(); }

  Result<void> begin(const Offsets& from) override;
  Result<std::optional<SourceMessage>> next(int timeout_ms) override;
  Offsets ends() override;

 private:
  void end();
  Result<std::int64_t> judge(std::int32_t partition, const kafka::Watermarks& marks, const Offsets& from) const;

  const KafkaClientOptions options_;
  kafka::Owned<rd_kafka_t> client_;
  kafka::Owned<rd_kafka_topic_t> topic_;
  kafka::Owned<rd_kafka_queue_t> queue_;
  kafka::Owned<rd_kafka_message_t> message_;
  std::int32_t partitions_ = 0;  // of which messages come
};

void KafkaTopicSource::end() {
  message_.reset();
  for (std::int32_t i = 0; i < partitions_; ++i) {
    rd_kafka_consume_stop(topic_.get(), i);
  }
  partitions_ = 0;
  queue_.reset();
  topic_.reset();
  client_.reset();
}

Result<std::int64_t> KafkaTopicSource::judge(std::int32_t partition, const kafka::Watermarks& marks,
                                             const Offsets& from) const {
  auto place = from.find(partition);
  if (place == from.end()) {
    return marks.low;
  }
  if (place->second > marks.high) {
    return corrupt(fmt::format(
        "partition {} of the topic {} ends at offset {}, but messages up to {} were read from it: it was made anew",
        partition, options_.topic, marks.high, place->second));
  }
  if (place->second < marks.low) {
    log_error("Kafka has deleted messages of a source before they were read",
              {{"topic", options_.topic}, {"partition", partition}, {"messages", marks.low - place->second}});
  }
  return std::max(place->second, marks.low);
}

Result<void> KafkaTopicSource::begin(const Offsets& from) {
  end();
  MR_ASSIGN(client_, kafka::open_consumer(options_));
  MR_ASSIGN(int partitions, kafka::partitions_of(client_.get(), options_.topic, kAskMs));
  if (partitions == 0) {
    return unavailable(fmt::format("there is no topic {} yet", options_.topic));
  }
  MR_ASSIGN(std::vector<kafka::Watermarks> marks, kafka::watermarks(client_.get(), options_.topic, partitions, kAskMs));
  topic_.reset(rd_kafka_topic_new(client_.get(), options_.topic.c_str(), nullptr));
  queue_.reset(rd_kafka_queue_new(client_.get()));
  for (std::int32_t i = 0; i < partitions; ++i) {
    MR_ASSIGN(std::int64_t offset, judge(i, marks[static_cast<std::size_t>(i)], from));
    if (rd_kafka_consume_start_queue(topic_.get(), i, offset, queue_.get()) != 0) {
      return unavailable(fmt::format("{} can't be read: {}", options_.topic, kafka::text_of(rd_kafka_last_error())));
    }
    partitions_ = i + 1;
  }
  return {};
}

Result<std::optional<SourceMessage>> KafkaTopicSource::next(int timeout_ms) {
  rd_kafka_poll(client_.get(), 0);
  message_.reset(rd_kafka_consume_queue(queue_.get(), timeout_ms));
  if (message_ == nullptr || message_->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    return std::optional<SourceMessage>();
  }
  if (message_->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return unavailable(fmt::format("{} can't be read: {}", options_.topic, kafka::text_of(message_->err)));
  }
  return std::optional<SourceMessage>({message_->partition, message_->offset, kafka::raw_value_of(*message_)});
}

TopicSource::Offsets KafkaTopicSource::ends() {
  Offsets all;
  for (std::int32_t i = 0; i < partitions_; ++i) {
    std::int64_t low = 0;
    std::int64_t high = 0;
    rd_kafka_get_watermark_offsets(client_.get(), options_.topic.c_str(), i, &low, &high);
    if (high >= 0) {
      all[i] = high;
    }
  }
  return all;
}

}  // namespace

Result<std::unique_ptr<TopicSource>> open_topic_source(const KafkaClientOptions& options) {
  KafkaClientOptions own = options;
  own.committed_only = true;
  MR_TRY(kafka::open_consumer(own));
  return std::unique_ptr<TopicSource>(std::make_unique<KafkaTopicSource>(own));
}

}  // namespace millrace
