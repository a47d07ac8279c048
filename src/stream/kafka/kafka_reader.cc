#include "stream/kafka/kafka_reader.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace::kafka {
namespace {

constexpr int kFetchMs = 100;
constexpr TimeNs kPatienceNs = 2'000'000'000;  // then the caller tries again, after its own pause

Error gone() { return unavailable("the topic no longer has this place of the stream"); }

}  // namespace

void MessageReader::stop() {
  if (std::exchange(started_, false)) {
    rd_kafka_consume_stop(topic_.get(), partition_.value);
  }
}

Result<void> MessageReader::seek(std::int64_t offset) {
  if (client_ == nullptr) {
    MR_ASSIGN(client_, open_consumer(options_));
    topic_.reset(rd_kafka_topic_new(client_.get(), options_.topic.c_str(), nullptr));
  }
  stop();
  if (topic_ == nullptr || rd_kafka_consume_start(topic_.get(), partition_.value, offset) != 0) {
    return unavailable(fmt::format("the topic can't be read: {}", text_of(rd_kafka_last_error())));
  }
  started_ = true;
  return {};
}

Result<Owned<rd_kafka_message_t>> MessageReader::next(int timeout_ms) {
  rd_kafka_poll(client_.get(), 0);  // its errors come with messages, or are told by the watch
  Owned<rd_kafka_message_t> message(rd_kafka_consume(topic_.get(), partition_.value, timeout_ms));
  if (message == nullptr) {
    return unavailable("Kafka gives no messages at the moment");
  }
  if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    return gone();
  }
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    return unavailable(fmt::format("the topic can't be read: {}", text_of(message->err)));
  }
  return message;
}

KafkaReader::KafkaReader(const KafkaClientOptions& options, TopicPartition& partition, PartitionId id, Clock& clock,
                         SequenceNumber from)
    : partition_(partition), clock_(clock), messages_(options, id), from_(from) {}

Result<void> KafkaReader::seek(SequenceNumber from) {
  from_ = from;
  PartitionIndex::Anchor anchor = partition_.before(from);
  // Reading on is faster than beginning anew, when no anchor is nearer.
  if (!begun_ || from < next_.sequence || anchor.offset > next_.offset) {
    begun_ = false;
  }
  return {};
}

Result<void> KafkaReader::begin() {
  next_ = partition_.before(from_);
  fetching_ = false;
  begun_ = true;
  return {};
}

// The next message in ahead_; false when it is not before `end`.
Result<bool> KafkaReader::fetch(std::int64_t end) {
  if (!fetching_) {
    ahead_.reset();
    MR_TRY(messages_.seek(next_.offset));
    fetching_ = true;
  }
  TimeNs deadline = clock_.monotonic() + kPatienceNs;
  while (ahead_ == nullptr) {
    Result<Owned<rd_kafka_message_t>> message = messages_.next(kFetchMs);
    if (message.ok() && (*message)->err == RD_KAFKA_RESP_ERR_NO_ERROR && (*message)->offset >= next_.offset) {
      ahead_ = std::move(*message);
    } else if (!message.ok() && clock_.monotonic() >= deadline) {
      fetching_ = false;
      return message.error();
    }
  }
  return ahead_->offset < end;
}

// Nothing when it is passed over.
std::optional<StreamEntry> KafkaReader::entry_of(SequenceRange range, MessageFormat format, std::string_view value) {
  next_.sequence = range.end;
  if (range.end <= from_ || format == MessageFormat::kGone) {
    return std::nullopt;
  }
  bool damaged = format == MessageFormat::kDamaged;
  return StreamEntry{range, next_.received, damaged, damaged ? std::string_view() : value};
}

// Of the message in ahead_, which is taken; nothing when it is passed over.
Result<std::optional<StreamEntry>> KafkaReader::entry_of_message() {
  MR_ASSIGN(std::optional<MessageInfo> info, info_of(*ahead_));
  message_ = std::move(ahead_);
  next_.offset = message_->offset + 1;
  if (!info || !partition_.of_generation(*info)) {
    return std::optional<StreamEntry>();
  }
  next_.received = std::max(next_.received, info->received);
  if (partition_.repeated(message_->offset)) {
    return std::optional<StreamEntry>();
  }
  SequenceRange range{next_.sequence, next_.sequence.plus(info->events)};
  return entry_of(range, info->format, record_of(*message_, info->format, record_));
}

Result<StreamEntry> KafkaReader::next() {
  TopicPartition::Window window = partition_.window();
  PartitionState state = partition_.state();
  if (begun_ ? next_.offset < window.begin : from_ < state.begin) {
    begun_ = false;
    return gone();
  }
  if (!begun_) {
    if (from_ >= state.durable_end) {
      return not_found("everything durable has been read");
    }
    MR_TRY(begin());
  }
  while (next_.offset < window.end) {
    if (std::optional<TopicPartition::Kept> kept = partition_.kept(next_.offset)) {
      messages_.stop();
      fetching_ = false;
      next_.offset = kept->offset + 1;
      next_.received = kept->received;
      kept_value_ = std::move(kept->value);
      std::optional<StreamEntry> entry;
      if (kept_value_ != nullptr) {
        entry = entry_of(kept->range, kept->format, *kept_value_);
      }
      if (entry) {
        return *entry;
      }
      continue;
    }
    MR_ASSIGN(bool counted, fetch(window.end));
    if (!counted) {
      next_.offset = window.end;  // the offsets up to there have no messages
      break;
    }
    MR_ASSIGN(std::optional<StreamEntry> entry, entry_of_message());
    if (entry) {
      return *entry;
    }
  }
  return not_found("everything durable has been read");
}

}  // namespace millrace::kafka
