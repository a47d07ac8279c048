#include "app/stream_move.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "app/node.h"
#include "app/stream_kind.h"
#include "io/clock.h"
#include "process/checkpoint.h"
#include "stream/kafka/kafka_stream.h"
#include "stream/kafka/topic_copy_target.h"
#include "stream/log/log_copy_target.h"
#include "stream/log/sealed_log.h"

namespace millrace {
namespace {

class StreamMove {
 public:
  StreamMove(const Settings& settings, const StreamMoveOptions& options)
      : values_(settings.values()), options_(options) {}

  Result<StreamMoveReport> run();

 private:
  Result<void> lock();
  Result<bool> try_lock();
  Result<void> open_target();
  Result<void> open_topic_target();
  Result<void> follow();
  Result<void> round();
  Result<void> finish();
  Result<void> wait_for_spill(Metrics& metrics);
  Result<void> check_checkpoints(Stream& from);
  Result<void> bring_all(CopySource& from);
  Result<void> switch_folder();
  Result<void> take_indexes(const std::string& from, const std::string& to);
  Result<void> ask(StreamMoveStep step);
  std::uint64_t behind(CopySource& from);
  bool to_topic() const { return options_.to == "kafka"; }
  std::string work_folder() const { return data_ + "/move"; }
  KafkaOptions topic_options() const;

  const SettingValues& values_;
  const StreamMoveOptions& options_;
  FileSystem& files_ = posix_file_system();
  Clock& clock_ = system_clock();
  Metrics metrics_;
  std::string data_;
  std::unique_ptr<FileLock> move_lock_, data_lock_;
  Node node_;
  std::unique_ptr<TopicStream> topic_;  // with an index of its own, while a server has the folder's
  std::unique_ptr<SealedLog> sealed_;
  std::unique_ptr<LogCopyTarget> log_target_;
  std::unique_ptr<TopicCopyTarget> topic_target_;
  CopyTarget* to_ = nullptr;
  std::unique_ptr<StreamCopy> copy_;
  StreamMoveStep step_ = StreamMoveStep::kCopying;
  std::uint64_t behind_ = 0;
  TimeNs stopped_at_ = 0;
};

Result<StreamMoveReport> StreamMove::run() {
  MR_TRY(lock());
  MR_TRY(open_target());
  copy_ = std::make_unique<StreamCopy>(*to_, node_.partitions, clock_,
                                       [this](const CopyProgress&) { return ask(step_).ok(); });
  MR_TRY(follow());
  MR_TRY(finish());
  MR_TRY(switch_folder());
  std::string log = fmt::format("the log in {}/log", data_);
  std::string topic = fmt::format("the topic {}", values_.kafka_topic);
  return StreamMoveReport{to_topic() ? log : topic, to_topic() ? topic : log,
                          copy_->sums_from(),       copy_->sums_to(),
                          copy_->progress().copied, (clock_.monotonic() - stopped_at_) / 1'000'000};
}

Result<void> StreamMove::lock() {
  data_ = std::filesystem::absolute(values_.data).lexically_normal().string();
  Result<Node> node = read_node(files_, data_);
  if (!node.ok()) {
    return node.error().code == Code::kNotFound ? invalid(data_ + " is no data folder of Millrace") : node.error();
  }
  Result<std::unique_ptr<FileLock>> alone = files_.lock(data_ + "/MOVE");
  if (!alone.ok()) {
    return alone.error().code == Code::kUnavailable
               ? invalid("another `millrace migrate` is at work on " + data_ + ": wait for it, or end it")
               : alone.error();
  }
  move_lock_ = std::move(*alone);
  node_ = *node;
  if (node_.stream == options_.to) {
    return invalid(fmt::format("the stream of {} is in {} already", data_, options_.to));
  }
  if (values_.kafka_brokers.empty()) {
    return invalid("kafka.brokers is empty: the configuration says where the brokers are, and kafka.topic");
  }
  return {};
}

// True when no server has the folder; then it is ours.
Result<bool> StreamMove::try_lock() {
  Result<std::unique_ptr<FileLock>> lock = files_.lock(data_ + "/LOCK");
  if (!lock.ok()) {
    return lock.error().code == Code::kUnavailable ? Result<bool>(false) : lock.error();
  }
  data_lock_ = std::move(*lock);
  stopped_at_ = clock_.monotonic();
  return true;
}

// ---- what is copied to, and from while a server runs ----

KafkaOptions StreamMove::topic_options() const {
  KafkaOptions options = kafka_options(values_, data_, node_);
  options.folder = work_folder();
  return options;
}

Result<void> StreamMove::take_indexes(const std::string& from, const std::string& to) {
  MR_TRY(files_.make_folders(to));
  for (std::uint16_t i = 0; i < node_.partitions; ++i) {
    std::string name = fmt::format("/{}.index", i);
    constexpr std::uint64_t kIndexBytesMax = 1ULL << 30;
    Result<std::string> bytes = read_file(files_, from + name, kIndexBytesMax);
    if (bytes.ok()) {
      MR_TRY(replace_file(files_, to + name, *bytes));
    } else if (bytes.error().code != Code::kNotFound) {
      return bytes.error();
    }
  }
  return {};
}

// The topic is read from its begin: what the folder knows of it may be of another topic, from an earlier time. Where
// its begin is gone, only that knowledge tells.
Result<void> StreamMove::open_topic_target() {
  Result<std::unique_ptr<TopicStream>> topic = open_kafka_stream(files_, clock_, metrics_, topic_options());
  if (!topic.ok() && topic.error().code == Code::kCorrupt) {
    MR_TRY(take_indexes(data_ + "/kafka", work_folder()));
    topic = open_kafka_stream(files_, clock_, metrics_, topic_options());
  }
  if (!topic.ok()) {
    return topic.error();
  }
  topic_ = std::move(*topic);
  topic_target_ = std::make_unique<TopicCopyTarget>(*topic_);
  to_ = topic_target_.get();
  return {};
}

Result<void> StreamMove::open_target() {
  std::error_code error;
  std::filesystem::remove_all(work_folder(), error);
  if (to_topic()) {
    sealed_ = std::make_unique<SealedLog>(files_, data_ + "/log", node_.generation, node_.partitions);
    return open_topic_target();
  }
  MR_ASSIGN(log_target_, LogCopyTarget::open(files_, clock_, metrics_, log_options(values_, data_, node_)));
  to_ = log_target_.get();
  MR_TRY(take_indexes(data_ + "/kafka", work_folder()));
  MR_ASSIGN(topic_, open_kafka_stream(files_, clock_, metrics_, topic_options()));
  return {};
}

// ---- copying ----

Result<void> StreamMove::ask(StreamMoveStep step) {
  step_ = step;
  CopyProgress events = copy_ != nullptr ? copy_->progress() : CopyProgress();
  if (!options_.go_on({step, events, behind_})) {
    return unavailable("interrupted");
  }
  return {};
}

std::uint64_t StreamMove::behind(CopySource& from) {
  std::uint64_t events = 0;
  for (std::uint16_t i = 0; i < node_.partitions; ++i) {
    PartitionState source = from.state(PartitionId(i));
    SequenceNumber there = std::max(to_->state(PartitionId(i)).durable_end, source.begin);
    events += source.durable_end > there ? source.durable_end.value - there.value : 0;
  }
  return events;
}

Result<void> StreamMove::bring_all(CopySource& from) {
  for (std::uint16_t i = 0; i < node_.partitions; ++i) {
    behind_ = behind(from);
    MR_TRY(ask(step_));
    MR_TRY(copy_->bring(from, PartitionId(i)));
  }
  behind_ = behind(from);
  return {};
}

// What can be had while the server writes.
Result<void> StreamMove::round() {
  Result<void> brought;
  if (sealed_ != nullptr) {
    MR_TRY(sealed_->refresh());
    brought = bring_all(*sealed_);
    if (!brought.ok() && brought.error().code == Code::kCorrupt) {
      return {};  // retention was faster, or it is damaged: the next round begins behind it, or the last one tells
    }
  } else {
    WholeStream topic(*topic_);
    brought = bring_all(topic);
  }
  return brought;
}

Result<void> StreamMove::follow() {
  constexpr int kAsksARound = 5;
  for (;;) {
    MR_ASSIGN(bool ours, try_lock());
    if (ours) {
      return {};
    }
    MR_TRY(round());
    for (int i = 0; i < kAsksARound && data_lock_ == nullptr; ++i) {
      MR_TRY(ask(StreamMoveStep::kWaiting));
      MR_ASSIGN(ours, try_lock());
    }
    if (data_lock_ != nullptr) {
      return {};
    }
    step_ = StreamMoveStep::kCopying;
  }
}

// ---- the rest, with the folder to itself ----

// What was acknowledged and lies on this machine's disk is forwarded first.
Result<void> StreamMove::wait_for_spill(Metrics& metrics) {
  while (metrics.get(Metric::kStreamSpilledEvents) > 0) {
    behind_ = static_cast<std::uint64_t>(metrics.get(Metric::kStreamSpilledEvents));
    MR_TRY(ask(StreamMoveStep::kForwarding));
  }
  step_ = StreamMoveStep::kFinishing;
  return {};
}

// The log belongs to one machine: it goes on only where this folder has processed. What it never owned, others may have
// brought into the store, and what lies before the stream's begin couldn't be read again.
Result<void> StreamMove::check_checkpoints(Stream& from) {
  for (std::uint16_t i = 0; i < node_.partitions; ++i) {
    SequenceNumber begin = from.state(PartitionId(i)).begin;
    Result<Checkpoint> known = load_checkpoint(files_, data_ + "/process", node_.generation, PartitionId(i));
    if (!known.ok() && known.error().code != Code::kNotFound) {
      return known.error();
    }
    if ((known.ok() ? known->counts.position : SequenceNumber(0)) < begin) {
      return invalid(
          fmt::format("{} hasn't processed partition {} up to event {}, where the topic begins: other servers "
                      "have. Let one server with all roles, without process.group, have this folder first",
                      data_, i, begin.value));
    }
  }
  return {};
}

Result<void> StreamMove::finish() {
  step_ = StreamMoveStep::kFinishing;
  Metrics metrics;
  if (!to_topic()) {
    topic_.reset();
  }
  MR_ASSIGN(std::unique_ptr<Stream> from, open_stream(files_, clock_, metrics, values_, data_, node_));
  MR_TRY(wait_for_spill(metrics));
  MR_TRY(to_topic() ? Result<void>() : check_checkpoints(*from));
  WholeStream whole(*from);
  Result<void> brought = bring_all(whole);
  for (std::uint16_t i = 0; i < node_.partitions && brought.ok(); ++i) {
    PartitionState here = from->state(PartitionId(i));
    PartitionState there = to_->state(PartitionId(i));
    if (here.durable_end != there.durable_end) {
      brought =
          invalid(fmt::format("partition {} ends at event {} here and at {} there: the target holds another "
                              "stream. Name another target, or remove this one",
                              i, here.durable_end.value, there.durable_end.value));
    }
  }
  from->stop();
  return brought;
}

Result<void> StreamMove::switch_folder() {
  if (to_topic()) {
    topic_->stop();  // saves its indexes
    MR_TRY(take_indexes(work_folder(), data_ + "/kafka"));
  } else {
    log_target_->stop();
  }
  node_.stream = options_.to;
  MR_TRY(switch_node(files_, data_, node_));
  std::error_code error;
  std::filesystem::remove_all(work_folder(), error);
  return {};
}

}  // namespace

Result<StreamMoveReport> move_stream(const Settings& settings, const StreamMoveOptions& options) {
  return StreamMove(settings, options).run();
}

}  // namespace millrace
