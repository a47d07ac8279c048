#include "stream/kafka/kafka_stream.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"
#include "base/time_format.h"
#include "io/random.h"
#include "io/thread.h"
#include "stream/kafka/attendance.h"
#include "stream/kafka/batch_writer.h"
#include "stream/kafka/index_file.h"
#include "stream/kafka/json_batch.h"
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

constexpr int kPollMs = 50;
constexpr TimeNs kSaveEvery = 10'000 * kMillisecond;
constexpr int kPauseMs = 200;
constexpr std::int64_t kTryMs = 1'000;  // in less nobody may have said why
constexpr std::int64_t kReadMs = 1'000;
constexpr int kAskMs = 2'000;
constexpr std::int64_t kBytesBesideABatch = 4'096;  // header, and what Kafka's batch has around it

class KafkaStream final : public TopicStream {
 public:
  KafkaStream(FileSystem& files, Clock& clock, Metrics& metrics, KafkaOptions options)
      : files_(files), clock_(clock), metrics_(metrics), options_(std::move(options)) {}
  ~KafkaStream() override { stop(); }

  Result<void> open();

  Generation generation() const override { return options_.generation; }
  std::uint16_t partitions() const override { return options_.partitions; }
  Result<void> append(const Append& batch) override { return take(batch, nullptr); }
  Result<void> append_as(const Append& batch, const MessageName& name) override { return take(batch, &name); }
  std::uint64_t next_number(PartitionId partition, std::uint64_t producer) override {
    return at(partition).next_number(producer);
  }
  void give_up() override { given_up_ = true; }
  MessageFormat format() const override { return options_.format; }
  Result<void> judge(const Append& batch) const override;
  std::size_t batch_bytes_max() const override { return batch_bytes_max_; }
  bool tells_places() const override { return !options_.shared; }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override;
  PartitionState state(PartitionId partition) override { return at(partition).state(); }
  SequenceNumber first_at(PartitionId partition, TimeNs at) override;
  void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) override {
    at(partition).wait_for(beyond, timeout_ms);
  }
  void release(PartitionId partition, SequenceNumber until) override {
    at(partition).release(until, clock_.monotonic());
  }
  Result<bool> attend(PartitionId partition, std::string_view places) override {
    return attendance_ == nullptr ? Result<bool>(true) : attendance_->attend(partition, places);
  }
  void leave(PartitionId partition) override {
    if (attendance_ != nullptr) {
      attendance_->leave(partition);
    }
  }
  std::string places(PartitionId partition) override { return at(partition).encode(); }
  std::int64_t waiting_ms() override;
  Result<void> health() override;
  void stop() override;

 private:
  TopicPartition& at(PartitionId partition) {
    MR_CHECK(partition.value < partitions_.size());
    return *partitions_[partition.value];
  }
  Result<void> take(const Append& batch, const MessageName* name);
  Result<void> open_control();
  Result<std::vector<kafka::Watermarks>> ask_marks();
  Result<std::int64_t> reach_topic(TimeNs deadline);
  void pause();
  Result<void> open_partitions(TimeNs deadline);
  Result<void> read_up_to(PartitionId id, std::int64_t offset, std::int64_t patience_ms);

  void poll();
  void begin_anew(const std::string& why);
  void fail_all(const Error& why);
  std::optional<Error> over();
  void note_waiting(bool answered, const std::string& trouble);
  void tell(std::vector<Told>& told);

  void watch();
  void watch_once();
  Result<void> look_at(PartitionId id, const kafka::Watermarks& marks);
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
  std::size_t batch_bytes_max_ = 0;
  kafka::Owned<rd_kafka_t> control_;  // for questions; the watch's
  std::unique_ptr<Producer> producer_;
  std::vector<std::unique_ptr<TopicPartition>> partitions_;
  std::atomic<std::size_t> waiting_bytes_ = 0;
  std::atomic<TimeNs> oldest_waiting_ = 0;  // monotonic; 0: nothing waits
  std::atomic<bool> given_up_ = false;

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
  std::unique_ptr<kafka::Attendance> attendance_;  // of a shared topic
};

// ---- opening ----

Result<void> KafkaStream::open() {
  MR_TRY(files_.make_folders(options_.folder));
  MR_TRY(open_control());
  TimeNs deadline = clock_.monotonic() + options_.client.timeout_ms * kMillisecond;
  MR_ASSIGN(std::int64_t message_bytes_max, reach_topic(deadline));
  batch_bytes_max_ = static_cast<std::size_t>(message_bytes_max - kBytesBesideABatch);
  KafkaClientOptions client = options_.client;
  client.message_bytes_max = message_bytes_max;
  producer_ = std::make_unique<Producer>(client);
  MR_TRY(producer_->begin());
  MR_TRY(open_partitions(deadline));
  save(true);
  if (options_.shared) {
    attendance_ = std::make_unique<kafka::Attendance>(
        options_, partitions_, metrics_, [this](std::vector<Told>& told) { tell(told); },
        [this](const Error& why) { broken(why); });
  }
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

// A client that had no answer is replaced: it would go on asking a leader that is dead, and says but once what is
// wrong.
Result<std::vector<kafka::Watermarks>> KafkaStream::ask_marks() {
  Result<std::vector<kafka::Watermarks>> marks =
      kafka::watermarks(control_.get(), options_.client.topic, options_.partitions, kAskMs);
  if (!marks.ok()) {
    MR_TRY(open_control());
  }
  return marks;
}

Result<std::int64_t> KafkaStream::reach_topic(TimeNs deadline) {
  kafka::TopicPlan plan{options_.client.topic, options_.partitions, options_.replication, options_.min_insync};
  for (bool said = false;; said = true) {
    auto left_ms = static_cast<int>((deadline - clock_.monotonic()) / kMillisecond);
    Result<std::int64_t> there = kafka::ensure_topic(control_.get(), plan, std::clamp(left_ms, 100, 5'000));
    bool again = !there.ok() && there.error().code == Code::kUnavailable &&
                 clock_.monotonic() + kTryMs * kMillisecond < deadline;
    if (!again) {
      return there;
    }
    MR_TRY(open_control());
    if (!said) {
      log_warning("Kafka is not there yet, it is asked again",
                  {{"brokers", options_.client.brokers}, {"reason", there.error().message}});
    }
    pause();
  }
}

// Nothing that the client says meanwhile is passed over.
void KafkaStream::pause() {
  std::unique_lock lock(mutex_);
  woken_.wait_for(lock, std::chrono::milliseconds(kPauseMs));
}

Result<void> KafkaStream::open_partitions(TimeNs deadline) {
  Result<std::vector<kafka::Watermarks>> marks = ask_marks();
  while (!marks.ok() && clock_.monotonic() < deadline) {
    pause();
    marks = ask_marks();
  }
  if (!marks.ok()) {
    return marks.error();
  }
  std::uint64_t producer = random_number();
  for (std::uint16_t i = 0; i < options_.partitions; ++i) {
    PartitionId id(i);
    PartitionIndex index(options_.generation, id);
    if (!options_.shared) {
      MR_ASSIGN(index, load_index(files_, options_.folder, options_.generation, id));
    }
    partitions_.push_back(
        std::make_unique<TopicPartition>(options_.generation, id, producer, std::move(index), options_.shared));
    if (options_.shared) {
      continue;
    }
    const kafka::Watermarks& ends = (*marks)[i];
    MR_TRY(kafka::judge_end(options_.client.topic, id, ends.high, at(id).end_offset()));
    MR_TRY(at(id).drop_before(ends.low));
    MR_TRY(read_up_to(id, ends.high, options_.client.timeout_ms));
  }
  saved_ends_.assign(options_.partitions, -1);
  seen_ends_.assign(options_.partitions, 0);
  return {};
}

// Counts what lies in the topic between the index's end and `offset`, and what somebody waits for. kUnavailable when
// nothing more has come for that long.
Result<void> KafkaStream::read_up_to(PartitionId id, std::int64_t offset, std::int64_t patience_ms) {
  TopicPartition& partition = at(id);
  if (partition.end_offset() >= offset && !partition.must_be_read()) {
    return {};
  }
  MessageReader reader(options_.client, id);
  MR_TRY(reader.seek(partition.end_offset()));
  TimeNs last = clock_.monotonic();
  while (partition.end_offset() < offset || partition.must_be_read()) {
    Result<kafka::Owned<rd_kafka_message_t>> message = reader.next(kPauseMs);
    if (!message.ok()) {
      if (clock_.monotonic() - last > patience_ms * kMillisecond) {
        return message.error();
      }
      continue;
    }
    if ((*message)->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      if ((*message)->offset >= offset && !partition.must_be_read()) {
        return {};  // the last ones are marks of transactions of somebody else
      }
      continue;
    }
    last = clock_.monotonic();
    MR_ASSIGN(std::optional<MessageInfo> info, kafka::info_of(**message));
    std::vector<Told> told;
    if (!partition.found((*message)->offset, info, (*message)->len, told)) {
      metrics_.add(Metric::kStreamSkipped);
    }
    tell(told);
  }
  return {};
}

// ---- writing ----

Result<void> KafkaStream::judge(const Append& batch) const {
  return options_.format == MessageFormat::kJson ? kafka::judge_json(batch, batch_bytes_max_)
                                                 : TopicStream::judge(batch);
}

Result<void> KafkaStream::take(const Append& batch, const MessageName* name) {
  MR_CHECK(batch.events > 0 && batch.listener != nullptr);
  MR_TRY(health());
  kafka::BatchWriter writer{*producer_, waiting_bytes_, options_.waiting_bytes_max, batch_bytes_max_, metrics_};
  return writer.take(at(batch.partition), batch, options_.format, name, clock_.monotonic());
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
  std::optional<Error> why = over();
  for (; !why; why = over()) {
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
    if (polled.over) {
      log_error("Kafka's client can't go on, it begins anew", {{"reason", polled.trouble}});
      begin_anew(polled.trouble);
    } else if (given_up_.exchange(false)) {
      begin_anew("it was given up");
    } else if (waiting_ms() > options_.client.timeout_ms) {
      begin_anew(fmt::format("not within {} s", options_.client.timeout_ms / 1'000));
    }
  }
  producer_->end();
  fail_all(*why);
}

// All that waits is given up together: were only some of it, what lies behind would come into the topic before them.
void KafkaStream::begin_anew(const std::string& why) {
  producer_->end();
  fail_all(unavailable(fmt::format("Kafka did not acknowledge it: {}", why)));
  if (Result<void> begun = producer_->begin(); !begun.ok()) {
    broken(begun.error());
  }
}

void KafkaStream::fail_all(const Error& why) {
  std::vector<Told> told;
  for (const std::unique_ptr<TopicPartition>& partition : partitions_) {
    partition->fail(why, told);
  }
  tell(told);
}

std::optional<Error> KafkaStream::over() {
  std::lock_guard lock(mutex_);
  return quit_ ? unavailable("the stream was stopped before Kafka answered") : broken_;
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

// What waits is told by the thread of the reports.
void KafkaStream::broken(const Error& why) {
  log_error("the topic can't be used any longer", {{"reason", why.message}});
  std::lock_guard lock(mutex_);
  broken_ = unavailable(why.message);
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
  std::vector<std::int64_t> known;
  for (const std::unique_ptr<TopicPartition>& partition : partitions_) {
    known.push_back(partition->end_offset());
  }
  Result<std::vector<kafka::Watermarks>> marks = ask_marks();
  if (!marks.ok()) {
    return marks.error().code == Code::kUnavailable ? unavailable_now(marks.error()) : broken(marks.error());
  }
  std::uint64_t bytes = 0;
  for (std::uint16_t i = 0; i < options_.partitions; ++i) {
    if (options_.shared && (!at(PartitionId(i)).attended() || known[i] == 0)) {
      continue;
    }
    Result<void> looked = kafka::judge_end(options_.client.topic, PartitionId(i), (*marks)[i].high, known[i]);
    if (looked.ok()) {
      looked = options_.shared ? at(PartitionId(i)).drop_before((*marks)[i].low) : look_at(PartitionId(i), (*marks)[i]);
    }
    if (!looked.ok() && options_.shared) {
      // Its processor finds out, as the group takes the partition away, or tells that it can't read.
      log_error("a partition of the topic can't be read on", {{"partition", i}, {"reason", looked.error().message}});
      at(PartitionId(i)).leave();
      continue;
    }
    if (!looked.ok()) {
      return broken(looked.error());
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

Result<void> KafkaStream::look_at(PartitionId id, const kafka::Watermarks& marks) {
  TopicPartition& partition = at(id);
  MR_TRY(partition.drop_before(marks.low));
  // What was there a turn ago and isn't counted is no message of ours that is still being reported.
  std::int64_t old = std::exchange(seen_ends_[id.value], marks.high);
  if (partition.must_be_read() || partition.end_offset() < old) {
    Result<void> read = read_up_to(id, old, kReadMs);
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
  if (options_.shared || (!now && clock_.monotonic() - saved_at_ < kSaveEvery)) {
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
  if (options_.shared && !at(partition).attended()) {
    return unavailable("this server doesn't attend to this partition");
  }
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
  // Not longer than a message may wait: the thread of the reports gives up then.
  while (poller_ != nullptr && waits()) {
    if (!health().ok()) {
      give_up();
    }
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::milliseconds(5));
  }
  {
    std::lock_guard lock(mutex_);
    quit_ = true;
  }
  woken_.notify_all();
  bool opened = watcher_ != nullptr;
  poller_.reset();
  watcher_.reset();
  if (attendance_ != nullptr) {
    attendance_->stop();
  }
  if (opened) {
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
