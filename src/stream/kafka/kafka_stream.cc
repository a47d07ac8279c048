#include "stream/kafka/kafka_stream.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"
#include "io/random.h"
#include "io/thread.h"
#include "stream/kafka/index_file.h"
#include "stream/kafka/kafka_producer.h"
#include "stream/kafka/kafka_reader.h"
#include "stream/kafka/topic.h"
#include "stream/kafka/topic_partition.h"

namespace millrace {
namespace {

using kafka::MessageReader;
using kafka::Producer;
using kafka::Told;
using kafka::TopicPartition;

constexpr TimeNs kMillisecond = 1'000'000;
constexpr int kPollMs = 50;
constexpr TimeNs kSaveEvery = 10'000 * kMillisecond;
constexpr int kReadMs = 1'000;
constexpr int kAskMs = 2'000;

class KafkaStream final : public TopicStream {
 public:
  KafkaStream(FileSystem& files, Clock& clock, Metrics& metrics, KafkaOptions options)
      : files_(files), clock_(clock), metrics_(metrics), options_(std::move(options)) {}
  ~KafkaStream() override { stop(); }

  Result<void> open();

  Generation generation() const override { return options_.generation; }
  std::uint16_t partitions() const override { return options_.partitions; }
  Result<void> append(const Append& batch) override { return take(batch, std::nullopt); }
  Result<void> append_as(const Append& batch, const MessageName& name) override { return take(batch, name); }
  void give_up() override { producer_->give_up(); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override;
  PartitionState state(PartitionId partition) override { return at(partition).state(); }
  SequenceNumber first_at(PartitionId partition, TimeNs at) override;
  void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) override {
    at(partition).wait_for(beyond, timeout_ms);
  }
  void release(PartitionId partition, SequenceNumber until) override { at(partition).release(until); }
  std::int64_t waiting_ms() override;
  Result<void> health() override;
  void stop() override;

 private:
  TopicPartition& at(PartitionId partition) {
    MR_CHECK(partition.value < partitions_.size());
    return *partitions_[partition.value];
  }
  Result<void> take(const Append& batch, const std::optional<MessageName>& name);
  Result<void> open_control();
  Result<kafka::Watermarks> ask_marks(PartitionId id);
  Result<void> reach_topic(TimeNs deadline);
  Result<void> open_partition(PartitionId id, std::uint64_t producer, TimeNs deadline);
  Result<void> read_up_to(PartitionId id, std::int64_t offset);

  void poll();
  void note_waiting(bool answered, const std::string& trouble);
  void tell(std::vector<Told>& told);

  void watch();
  void watch_once();
  Result<void> look_at(PartitionId id);
  void give_up_old(PartitionId id);
  void save(bool now);
  void kick();

  void unavailable_now(Error why);
  void available_again();
  void broken(const Error& why);

  FileSystem& files_;
  Clock& clock_;
  Metrics& metrics_;
  const KafkaOptions options_;
  kafka::Owned<rd_kafka_t> control_;  // for questions; the watch's
  std::unique_ptr<Producer> producer_;
  std::vector<std::unique_ptr<TopicPartition>> partitions_;
  std::atomic<std::size_t> waiting_bytes_ = 0;
  std::atomic<TimeNs> oldest_waiting_ = 0;  // monotonic; 0: nothing waits

  std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  std::optional<Error> trouble_;  // nothing is taken at the moment
  std::optional<Error> broken_;   // or for good
  bool kicked_ = false;
  bool stopped_ = false;
  bool quit_ = false;

  std::vector<std::int64_t> seen_ends_;   // of the topic, a turn of the watch ago; the watch's
  std::vector<std::int64_t> saved_ends_;  // offsets, of the indexes on disk
  TimeNs saved_at_ = 0;
  std::unique_ptr<Thread> poller_;
  std::unique_ptr<Thread> watcher_;
};

// ---- opening ----

Result<void> KafkaStream::open() {
  MR_TRY(files_.make_folders(options_.folder));
  MR_TRY(open_control());
  MR_ASSIGN(producer_, Producer::open(options_.client));
  TimeNs deadline = clock_.monotonic() + options_.client.timeout_ms * kMillisecond;
  MR_TRY(reach_topic(deadline));
  std::uint64_t producer = random_number();
  for (std::uint16_t i = 0; i < options_.partitions; ++i) {
    MR_TRY(open_partition(PartitionId(i), producer, deadline));
  }
  seen_ends_.assign(options_.partitions, 0);
  save(true);
  poller_ = std::make_unique<Thread>("kafka-reports", [this] { poll(); });
  watcher_ = std::make_unique<Thread>("kafka-watch", [this] { watch(); });
  return {};
}

// Questions are answered soon, or not at all.
Result<void> KafkaStream::open_control() {
  KafkaClientOptions options = options_.client;
  options.more.insert(options.more.begin(), {"socket.timeout.ms", std::to_string(kAskMs)});
  MR_ASSIGN(control_, kafka::open_consumer(options));
  return {};
}

// A client that had no answer is replaced: it would go on asking a leader that is dead.
Result<kafka::Watermarks> KafkaStream::ask_marks(PartitionId id) {
  Result<kafka::Watermarks> marks = kafka::watermarks(control_.get(), options_.client.topic, id.value, kAskMs);
  if (!marks.ok()) {
    MR_TRY(open_control());
  }
  return marks;
}

Result<void> KafkaStream::reach_topic(TimeNs deadline) {
  kafka::TopicPlan plan{options_.client.topic, options_.partitions, options_.replication, options_.min_insync};
  for (bool said = false;; said = true) {
    auto left_ms = static_cast<int>((deadline - clock_.monotonic()) / kMillisecond);
    Result<void> there = kafka::ensure_topic(control_.get(), plan, std::clamp(left_ms, 100, 5'000));
    bool again = !there.ok() && there.error().code == Code::kUnavailable && clock_.monotonic() < deadline;
    if (!again) {
      return there;
    }
    if (!said) {
      log_warning("Kafka is not there yet, it is asked again",
                  {{"brokers", options_.client.brokers}, {"reason", there.error().message}});
    }
    rd_kafka_poll(control_.get(), 200);
  }
}

Result<void> KafkaStream::open_partition(PartitionId id, std::uint64_t producer, TimeNs deadline) {
  MR_ASSIGN(PartitionIndex index, load_index(files_, options_.folder, options_.generation, id));
  partitions_.push_back(std::make_unique<TopicPartition>(options_.generation, id, producer, std::move(index)));
  saved_ends_.push_back(-1);
  TopicPartition& partition = *partitions_.back();
  Result<kafka::Watermarks> marks = unavailable("");
  do {
    marks = ask_marks(id);
  } while (!marks.ok() && clock_.monotonic() < deadline);
  if (!marks.ok()) {
    return marks.error();
  }
  std::int64_t known = partition.end_offset();
  if (marks->high < known) {
    return corrupt(fmt::format(
        "partition {} of the topic {} ends at offset {}, but messages up to {} were read from it: the topic was made "
        "anew, or its brokers have lost their end. Begin a new generation, with a new topic and data folder",
        id.value, options_.client.topic, marks->high, known));
  }
  MR_TRY(partition.drop_before(marks->low));
  return read_up_to(id, marks->high);
}

// Counts what lies in the topic between the index's end and `offset`, and what somebody waits for.
Result<void> KafkaStream::read_up_to(PartitionId id, std::int64_t offset) {
  TopicPartition& partition = at(id);
  if (partition.end_offset() >= offset && !partition.must_be_read()) {
    return {};
  }
  MessageReader reader(options_.client, id);
  MR_TRY(reader.seek(partition.end_offset()));
  while (partition.end_offset() < offset || partition.must_be_read()) {
    MR_ASSIGN(kafka::Owned<rd_kafka_message_t> message, reader.next(kReadMs));
    MR_ASSIGN(std::optional<MessageInfo> info, kafka::info_of(*message));
    std::vector<Told> told;
    if (!partition.found(message->offset, info, message->len, told)) {
      metrics_.add(Metric::kStreamSkipped);
    }
    tell(told);
  }
  return {};
}

// ---- writing ----

Result<void> KafkaStream::take(const Append& batch, const std::optional<MessageName>& name) {
  MR_CHECK(batch.events > 0 && batch.listener != nullptr);
  TopicPartition& partition = at(batch.partition);
  MR_TRY(health());
  std::size_t size = batch.payload.size();
  std::size_t before = waiting_bytes_.fetch_add(size);
  Result<void> taken;
  if (before > 0 && before + size > options_.waiting_bytes_max) {
    taken = full("too many bytes wait for Kafka");
  } else {
    taken = partition.take(batch, name, clock_.monotonic(), [&](const MessageInfo& info, std::uint64_t ticket) {
      return producer_->send(batch.partition, info, batch.payload, ticket);
    });
  }
  if (!taken.ok()) {
    waiting_bytes_ -= size;
  } else {
    metrics_.add(Metric::kStreamWrittenBytes, static_cast<std::int64_t>(size));
  }
  return taken;
}

void KafkaStream::tell(std::vector<Told>& told) {
  for (const std::unique_ptr<TopicPartition>& partition : partitions_) {
    waiting_bytes_ -= partition->take_freed_bytes();
  }
  for (Told& one : told) {
    one.listener->appended(one.partition, std::move(one.result));
  }
  told.clear();
}

void KafkaStream::poll() {
  std::vector<Told> told;
  for (bool quit = false; !quit;) {
    bool answered = false;
    Producer::Polled polled = producer_->poll(kPollMs, [&](const kafka::Report& report) {
      answered = answered || report.offset.ok();
      at(report.partition).delivered(report.ticket, report.offset, told);
    });
    tell(told);
    bool must_read =
        std::any_of(partitions_.begin(), partitions_.end(), [](const auto& one) { return one->must_be_read(); });
    if (must_read || polled.brokers_down) {
      kick();
    }
    note_waiting(answered, polled.trouble);
    std::lock_guard lock(mutex_);
    quit = quit_;
  }
}

void KafkaStream::note_waiting(bool answered, const std::string& trouble) {
  TimeNs oldest = 0;
  for (const std::unique_ptr<TopicPartition>& partition : partitions_) {
    std::optional<TimeNs> since = partition->oldest_waiting();
    oldest = since && (oldest == 0 || *since < oldest) ? *since : oldest;
  }
  oldest_waiting_ = oldest;
  TimeNs waited = oldest == 0 ? 0 : clock_.monotonic() - oldest;
  if (waited > options_.unavailable_after_ms * kMillisecond) {
    unavailable_now(unavailable(fmt::format("Kafka has not acknowledged a message for {} s{}{}",
                                            waited / (1'000 * kMillisecond), trouble.empty() ? "" : ": ", trouble)));
  } else if (answered) {
    available_again();
  }
}

std::int64_t KafkaStream::waiting_ms() {
  TimeNs oldest = oldest_waiting_;
  return oldest == 0 ? 0 : (clock_.monotonic() - oldest) / kMillisecond;
}

// ---- health ----

void KafkaStream::unavailable_now(Error why) {
  std::lock_guard lock(mutex_);
  if (!trouble_) {
    log_warning("Kafka is unavailable", {{"reason", why.message}});
  }
  trouble_ = std::move(why);
}

void KafkaStream::available_again() {
  std::lock_guard lock(mutex_);
  if (trouble_) {
    log_info("Kafka is available again");
  }
  trouble_.reset();
}

void KafkaStream::broken(const Error& why) {
  log_error("the topic can't be used any longer", {{"reason", why.message}});
  std::vector<Told> told;
  {
    std::lock_guard lock(mutex_);
    broken_ = unavailable(why.message);
  }
  for (const std::unique_ptr<TopicPartition>& partition : partitions_) {
    partition->fail(unavailable(why.message), told);
  }
  tell(told);
  metrics_.set(Metric::kStreamFailed, 1);
}

Result<void> KafkaStream::health() {
  std::lock_guard lock(mutex_);
  if (broken_ || trouble_) {
    return broken_ ? *broken_ : *trouble_;
  }
  return {};
}

// ---- the watch: asks Kafka how it is, counts what others have written, gives up what is old, saves the indexes ----

void KafkaStream::kick() {
  std::lock_guard lock(mutex_);
  kicked_ = true;
  woken_.notify_all();
}

void KafkaStream::watch() {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    woken_.wait_for(lock, std::chrono::milliseconds(options_.check_interval_ms), [this] { return quit_ || kicked_; });
    kicked_ = false;
    if (quit_ || broken_) {
      continue;
    }
    lock.unlock();
    watch_once();
    lock.lock();
  }
}

void KafkaStream::watch_once() {
  rd_kafka_poll(control_.get(), 0);
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < options_.partitions; ++i) {
    Result<void> looked = look_at(PartitionId(i));
    if (!looked.ok() && looked.error().code != Code::kUnavailable) {
      return broken(looked.error());
    }
    if (!looked.ok()) {
      return unavailable_now(std::move(looked).error());
    }
    give_up_old(PartitionId(i));
    bytes += at(PartitionId(i)).state().bytes;
  }
  metrics_.set(Metric::kStreamBytes, static_cast<std::int64_t>(bytes));
  if (waiting_ms() <= options_.unavailable_after_ms) {
    available_again();
  }
  save(false);
}

Result<void> KafkaStream::look_at(PartitionId id) {
  TopicPartition& partition = at(id);
  MR_ASSIGN(kafka::Watermarks marks, ask_marks(id));
  MR_TRY(partition.drop_before(marks.low));
  // What was there a turn ago and isn't counted is no message of ours that is still being reported.
  std::int64_t old = std::exchange(seen_ends_[id.value], marks.high);
  if (partition.must_be_read() || partition.end_offset() < old) {
    Result<void> read = read_up_to(id, old);
    if (!read.ok() && read.error().code != Code::kUnavailable) {
      return read;
    }
  }
  return {};
}

void KafkaStream::give_up_old(PartitionId id) {
  TopicPartition& partition = at(id);
  TimeNs until = clock_.wall() - options_.retain_ms * kMillisecond;
  PartitionIndex::Anchor begin = partition.give_up_until(until, options_.retain_bytes / options_.partitions);
  if (begin.offset <= partition.window().begin) {
    return;
  }
  Result<void> deleted = kafka::delete_records(control_.get(), options_.client.topic, id.value, begin.offset, 5'000);
  if (deleted.ok()) {
    deleted = partition.drop_before(begin.offset);
  }
  if (!deleted.ok()) {
    log_warning("old messages of the topic could not be deleted", {{"reason", deleted.error().message}});
  }
}

void KafkaStream::save(bool now) {
  if (!now && clock_.monotonic() - saved_at_ < kSaveEvery) {
    return;
  }
  saved_at_ = clock_.monotonic();
  for (std::uint16_t i = 0; i < options_.partitions; ++i) {
    TopicPartition& partition = at(PartitionId(i));
    std::int64_t end = partition.end_offset();
    if (end == saved_ends_[i]) {
      continue;
    }
    Result<void> saved = save_index(files_, options_.folder, PartitionId(i), partition.encode());
    if (saved.ok()) {
      saved_ends_[i] = end;
    } else {  // the next start reads more of the topic
      log_warning("the index of a partition could not be saved", {{"reason", saved.error().message}});
    }
  }
}

// ---- reading ----

Result<std::unique_ptr<StreamReader>> KafkaStream::reader(PartitionId partition, SequenceNumber from) {
  return std::unique_ptr<StreamReader>(
      std::make_unique<kafka::KafkaReader>(options_.client, at(partition), partition, clock_, from));
}

SequenceNumber KafkaStream::first_at(PartitionId partition, TimeNs time) {
  SequenceNumber from = at(partition).before_time(time).sequence;
  kafka::KafkaReader reader(options_.client, at(partition), partition, clock_, from);
  for (;;) {
    Result<StreamEntry> entry = reader.next();
    if (!entry.ok()) {
      return entry.error().code == Code::kNotFound ? state(partition).durable_end : from;
    }
    if (entry->received >= time) {
      return entry->range.begin;
    }
    from = entry->range.end;
  }
}

// ---- the end ----

void KafkaStream::stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) {
      return;
    }
  }
  for (const std::unique_ptr<TopicPartition>& partition : partitions_) {
    partition->close(unavailable("the stream is stopped"));
    partition->wake();
  }
  auto waits = [this] {
    return std::any_of(partitions_.begin(), partitions_.end(),
                       [](const auto& partition) { return partition->oldest_waiting().has_value(); });
  };
  TimeNs deadline = clock_.monotonic() + (options_.client.timeout_ms + 1'000) * kMillisecond;
  while (poller_ != nullptr && waits() && clock_.monotonic() < deadline) {
    if (!health().ok()) {
      producer_->give_up();
    }
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::milliseconds(5));
  }
  {
    std::lock_guard lock(mutex_);
    quit_ = true;
  }
  woken_.notify_all();
  poller_.reset();
  watcher_.reset();
  std::vector<Told> told;
  for (const std::unique_ptr<TopicPartition>& partition : partitions_) {
    partition->fail(unavailable("the stream was stopped before Kafka answered"), told);
  }
  tell(told);
  if (partitions_.size() == options_.partitions) {
    save(true);
  }
}

}  // namespace

Result<std::unique_ptr<TopicStream>> open_kafka_stream(FileSystem& files, Clock& clock, Metrics& metrics,
                                                       const KafkaOptions& options) {
  auto stream = std::make_unique<KafkaStream>(files, clock, metrics, options);
  MR_TRY(stream->open());
  return std::unique_ptr<TopicStream>(std::move(stream));
}

Result<void> delete_kafka_topic(const KafkaClientOptions& options) {
  MR_ASSIGN(kafka::Owned<rd_kafka_t> client, kafka::open_consumer(options));
  return kafka::delete_topic(client.get(), options.topic, 10'000);
}

}  // namespace millrace
