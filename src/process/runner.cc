#include "process/runner.h"

#include <algorithm>
#include <chrono>

#include "base/log.h"

namespace millrace {
namespace {

constexpr std::int64_t kWaitMsMax = 100;  // stop() is seen within it
constexpr TimeNs kMillisecond = 1'000'000;

}  // namespace

ProcessorRunner::ProcessorRunner(const ProcessorParts& parts, const ProcessorOptions& options, Clock& clock)
    : stream_(parts.stream), metrics_(parts.metrics), clock_(clock) {
  for (std::uint16_t i = 0; i < stream_.partitions(); ++i) {
    ProcessorOptions own = options;
    own.partition = PartitionId(i);
    lanes_.push_back(std::make_unique<Lane>(parts, own));
    lanes_.back()->progress.partition = PartitionId(i);
    lanes_.back()->progress.durable_end = stream_.state(PartitionId(i)).durable_end;
  }
  for (std::uint16_t i = 0; i < stream_.partitions(); ++i) {
    Lane& lane = *lanes_[i];
    lane.thread = std::make_unique<Thread>("processor", [this, &lane, i] { run(lane, PartitionId(i)); });
  }
}

ProcessorRunner::~ProcessorRunner() { stop(0); }

void ProcessorRunner::run(Lane& lane, PartitionId partition) {
  bool told_drain = false;
  bool told_trouble = false;
  while (!leaving_) {
    if (draining_ && !told_drain) {
      lane.processor.drain();
      told_drain = true;
    }
    StepResult result = lane.processor.step(clock_.wall(), clock_.monotonic());
    publish(lane);
    bool trouble = lane.processor.error().has_value();
    if (trouble && !told_trouble) {
      log_warning("the processor is held up",
                  {{"partition", partition.value}, {"reason", lane.processor.error()->message}});
    } else if (told_trouble && !trouble) {
      log_info("the processor goes on", {{"partition", partition.value}});
    }
    told_trouble = trouble;
    if (!wait(lane, partition, result)) {
      break;
    }
  }
  std::lock_guard lock(mutex_);
  lane.ended = true;
  changed_.notify_all();
}

// False when nothing will happen any more.
bool ProcessorRunner::wait(Lane& lane, PartitionId partition, const StepResult& result) {
  if (result.next == StepResult::Next::kStopped) {
    if (const std::optional<Error>& error = lane.processor.error(); error && !draining_) {
      log_error("the processor has stopped; events are kept in the log",
                {{"partition", partition.value}, {"reason", error->message}});
    }
    return false;
  }
  if (result.next == StepResult::Next::kAgain || leaving_) {
    return true;
  }
  std::int64_t until_ms = (result.until - clock_.monotonic() + kMillisecond - 1) / kMillisecond;
  std::int64_t timeout_ms = std::clamp<std::int64_t>(until_ms, 0, kWaitMsMax);
  if (result.next == StepResult::Next::kEvents) {
    stream_.wait_for(partition, result.beyond, timeout_ms);
  } else {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return leaving_.load(); });
  }
  return true;
}

void ProcessorRunner::publish(Lane& lane) {
  std::lock_guard lock(mutex_);
  SequenceNumber before = lane.progress.stored_until;
  lane.progress = lane.processor.progress();
  refresh_metrics();
  if (lane.progress.stored_until != before) {
    changed_.notify_all();
  }
}

void ProcessorRunner::refresh_metrics() {
  std::uint64_t lag_events = 0;
  TimeNs lag = 0;
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lag_events += lane->progress.durable_end.value -
                  std::min(lane->progress.stored_until.value, lane->progress.durable_end.value);
    lag = std::max(lag, lane->progress.lag);
  }
  metrics_.set(Metric::kProcessLagEvents, static_cast<std::int64_t>(lag_events));
  metrics_.set(Metric::kProcessLag, lag / 1000);
}

std::vector<PartitionProgress> ProcessorRunner::partitions() const {
  std::vector<PartitionProgress> all;
  std::lock_guard lock(mutex_);
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    all.push_back(lane->progress);
    all.back().durable_end = std::max(all.back().durable_end, stream_.state(lane->progress.partition).durable_end);
  }
  return all;
}

bool ProcessorRunner::wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) {
  if (partition.value >= lanes_.size()) {
    return false;
  }
  const Lane& lane = *lanes_[partition.value];
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                           [&] { return lane.progress.stored_until >= until; });
}

void ProcessorRunner::stop(std::int64_t drain_ms) {
  draining_ = true;
  {
    std::unique_lock lock(mutex_);
    auto ended = [this] {
      return std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->ended; });
    };
    changed_.wait_for(lock, std::chrono::milliseconds(drain_ms), ended);
    leaving_ = true;
    changed_.notify_all();
  }
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->thread->join();
  }
}

}  // namespace millrace
