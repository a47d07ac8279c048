#include "stream/spill/spilling_stream.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "base/check.h"
#include "io/random.h"
#include "io/thread.h"
#include "stream/spill/spill_lane.h"

namespace millrace {
namespace {

constexpr std::chrono::milliseconds kForwardEvery(20);
constexpr int kSaveEvery = 50;  // of those turns

class SpillingStream final : public Stream {
 public:
  SpillingStream(std::unique_ptr<TopicStream> topic, std::unique_ptr<Metrics> log_metrics, std::unique_ptr<Stream> log,
                 FileSystem& files, Metrics& metrics, const SpillOptions& options)
      : topic_(std::move(topic)),
        log_metrics_(std::move(log_metrics)),
        log_(std::move(log)),
        metrics_(metrics),
        parts_{*topic_, *log_, files, options.folder, random_number(), options.held_bytes_max, options.forward_only} {}
  ~SpillingStream() override { stop(); }

  Result<void> open();

  Generation generation() const override { return topic_->generation(); }
  std::uint16_t partitions() const override { return topic_->partitions(); }
  Result<void> append(const Append& batch) override {
    MR_CHECK(batch.events > 0 && batch.listener != nullptr && batch.partition.value < lanes_.size());
    return lanes_[batch.partition.value]->append(batch);
  }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override {
    return topic_->reader(partition, from);
  }
  PartitionState state(PartitionId partition) override { return topic_->state(partition); }
  SequenceNumber first_at(PartitionId partition, TimeNs at) override { return topic_->first_at(partition, at); }
  void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) override {
    topic_->wait_for(partition, beyond, timeout_ms);
  }
  void release(PartitionId partition, SequenceNumber until) override { topic_->release(partition, until); }
  Result<bool> attend(PartitionId partition, std::string_view places) override {
    return topic_->attend(partition, places);
  }
  void leave(PartitionId partition) override { topic_->leave(partition); }
  std::string places(PartitionId partition) override { return topic_->places(partition); }
  std::int64_t waiting_ms() override { return topic_->health().ok() ? topic_->waiting_ms() : log_->waiting_ms(); }
  // While Kafka is away the log's disk decides.
  Result<void> health() override {
    Result<void> topic = topic_->health();
    return topic.ok() || parts_.forward_only ? topic : log_->health();
  }
  void stop() override;

 private:
  void forward();
  bool turn();
  std::uint64_t note_backlog();

  std::unique_ptr<TopicStream> topic_;
  std::unique_ptr<Metrics> log_metrics_;  // of its own: the others tell of the topic
  std::unique_ptr<Stream> log_;
  Metrics& metrics_;
  const SpillParts parts_;
  std::vector<std::unique_ptr<SpillLane>> lanes_;
  std::mutex mutex_;  // of what follows
  std::condition_variable woken_;
  bool stopped_ = false;
  bool quit_ = false;
  std::unique_ptr<Thread> forwarder_;
};

Result<void> SpillingStream::open() {
  for (std::uint16_t i = 0; i < topic_->partitions(); ++i) {
    lanes_.push_back(std::make_unique<SpillLane>(parts_, PartitionId(i)));
    MR_TRY(lanes_.back()->open());
  }
  (void)note_backlog();
  forwarder_ = std::make_unique<Thread>("forward-spill", [this] { forward(); });
  return {};
}

void SpillingStream::forward() {
  std::unique_lock lock(mutex_);
  for (int turns = 0; !quit_; ++turns) {
    lock.unlock();
    bool idle = turn();
    if (idle || turns % kSaveEvery == 0) {
      std::for_each(lanes_.begin(), lanes_.end(), [](const auto& lane) { lane->save(); });
    }
    lock.lock();
    woken_.wait_for(lock, kForwardEvery, [this] { return quit_; });
  }
}

// True when nothing waits to be forwarded.
bool SpillingStream::turn() {
  std::for_each(lanes_.begin(), lanes_.end(), [](const auto& lane) { lane->forward(); });
  return note_backlog() == 0;
}

std::uint64_t SpillingStream::note_backlog() {
  std::uint64_t backlog = 0;
  for (const std::unique_ptr<SpillLane>& lane : lanes_) {
    backlog += lane->backlog();
  }
  metrics_.set(Metric::kStreamSpilledEvents, static_cast<std::int64_t>(backlog));
  return backlog;
}

void SpillingStream::stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) {
      return;
    }
    quit_ = true;
  }
  for (const std::unique_ptr<SpillLane>& lane : lanes_) {
    lane->close();
  }
  woken_.notify_all();
  forwarder_.reset();
  topic_->stop();  // what it can't write any more is spilled
  std::for_each(lanes_.begin(), lanes_.end(), [](const auto& lane) { lane->finish(); });
  log_->stop();
  std::for_each(lanes_.begin(), lanes_.end(), [](const auto& lane) { lane->save(); });
}

}  // namespace

Result<std::unique_ptr<Stream>> open_spilling_stream(std::unique_ptr<TopicStream> topic, FileSystem& files,
                                                     Clock& clock, Metrics& metrics, const SpillOptions& options) {
  MR_TRY(files.make_folders(options.folder));
  LogOptions log = options.log;
  log.folder = options.folder + "/log";
  log.generation = topic->generation();
  log.partitions = topic->partitions();
  log.retain_ms = 0;  // what was forwarded isn't needed
  auto log_metrics = std::make_unique<Metrics>();
  MR_ASSIGN(std::unique_ptr<Stream> opened, open_log_stream(files, clock, *log_metrics, log));
  auto stream = std::make_unique<SpillingStream>(std::move(topic), std::move(log_metrics), std::move(opened), files,
                                                 metrics, options);
  MR_TRY(stream->open());
  return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace millrace
