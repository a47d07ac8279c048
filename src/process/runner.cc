#include "process/runner.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>

#include "base/check.h"

namespace millrace {
namespace {

constexpr std::int64_t kWaitMsMax = 200;  // how late a thread may see that it should end

}  // namespace

ProcessorRunner::ProcessorRunner(const ProcessorParts& parts, const ProcessorOptions& options, Clock& clock)
    : parts_(parts), clock_(clock) {
  ProcessorOptions own = options;
  own.ids.ids_max = std::max<std::uint64_t>(options.ids.ids_max / parts.stream.partitions(), options.ids.chunk_ids);
  for (std::uint16_t partition = 0; partition < parts.stream.partitions(); ++partition) {
    own.partition = PartitionId(partition);
    auto lane = std::make_unique<Lane>();
    lane->processor = std::make_unique<Processor>(parts, own);
    lane->progress = lane->processor->progress();
    lane->published = clock.monotonic();
    lane->status.partition = own.partition;
    lanes_.push_back(std::move(lane));
  }
}

ProcessorRunner::~ProcessorRunner() { stop(0); }

void ProcessorRunner::start() {
  for (auto& lane : lanes_) {
    std::string name = "process-" + std::to_string(lane->status.partition.value);
    lane->thread.emplace(name.c_str(), [this, one = lane.get()] { run(*one); });
  }
}

void ProcessorRunner::run(Lane& lane) {
  stand_back();  // under overload events are taken first: what is in the log can be stored later
  while (!abandoned_) {
    if (draining_) {
      lane.processor->drain();
    }
    StepResult result = lane.processor->step(clock_.wall(), clock_.monotonic());
    publish(lane, result);
    if (result.next == StepResult::Next::kStopped) {
      break;
    }
    wait(lane, result);
  }
  std::lock_guard lock(mutex_);
  lane.ended = true;
  changed_.notify_all();
}

void ProcessorRunner::wait(Lane& lane, const StepResult& result) {
  if (result.next == StepResult::Next::kAgain) {
    return;
  }
  // Rounded up, so that the deadline has passed when it wakes.
  std::int64_t ms = std::clamp<std::int64_t>((result.until - clock_.monotonic() + 999'999) / 1'000'000, 0, kWaitMsMax);
  if (result.next == StepResult::Next::kEvents && !draining_) {
    parts_.stream.wait_for(lane.status.partition, result.beyond, ms);
    return;
  }
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return abandoned_.load(); });
}

void ProcessorRunner::publish(Lane& lane, const StepResult& result) {
  const Processor& processor = *lane.processor;
  std::lock_guard lock(mutex_);
  SequenceNumber before = lane.progress.stored_until;
  lane.progress = processor.progress();
  lane.progress.epoch = processor.recovering() ? Epoch(0) : processor.epoch();
  lane.published = clock_.monotonic();
  lane.status.recovering = processor.recovering();
  lane.status.stopped = result.next == StepResult::Next::kStopped;
  lane.status.error = processor.error() ? processor.error()->message : processor.checkpoint_trouble();
  lane.ids = processor.ids();
  lane.id_window_ns = processor.id_window_ns();
  publish_ids();
  if (lane.progress.stored_until != before) {
    changed_.notify_all();
  }
}

// As of now: the processor's own picture is as old as its last step, which may wait for the store for long. What has
// become durable since counts as not stored, and is older by the time since then.
PartitionProgress ProcessorRunner::progress_of(const Lane& lane) const {
  PartitionProgress now = lane.progress;
  now.stopped = lane.status.stopped && !lane.status.error.empty();
  now.trouble = lane.status.error;
  now.durable_end = std::max({now.durable_end, now.stored_until, parts_.stream.state(now.partition).durable_end});
  if (now.stored_until < now.durable_end) {
    now.lag += clock_.monotonic() - lane.published;
  }
  return now;
}

std::vector<PartitionProgress> ProcessorRunner::partitions() const {
  std::lock_guard lock(mutex_);
  std::vector<PartitionProgress> all;
  std::int64_t lag_events = 0;
  TimeNs lag = 0;
  for (const auto& lane : lanes_) {
    all.push_back(progress_of(*lane));
    lag_events += static_cast<std::int64_t>(all.back().durable_end.value - all.back().stored_until.value);
    lag = std::max(lag, all.back().lag);
  }
  parts_.metrics.set(Metric::kProcessLagEvents, lag_events);
  parts_.metrics.set(Metric::kProcessLag, lag / 1000);
  return all;
}

void ProcessorRunner::publish_ids() {
  std::int64_t ids = 0;
  std::int64_t window_ns = std::numeric_limits<std::int64_t>::max();
  for (const auto& lane : lanes_) {
    ids += static_cast<std::int64_t>(lane->ids);
    window_ns = std::min(window_ns, lane->id_window_ns);
  }
  parts_.metrics.set(Metric::kProcessIds, ids);
  parts_.metrics.set(Metric::kProcessIdWindow, window_ns / 1000);
}

bool ProcessorRunner::stop(std::int64_t timeout_ms) {
  draining_ = true;
  bool all = true;
  {
    std::unique_lock lock(mutex_);
    auto ended = [this] {
      return std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->ended || !lane->thread; });
    };
    all = changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ended);
    abandoned_ = true;
    changed_.notify_all();
  }
  for (auto& lane : lanes_) {
    lane->thread.reset();
  }
  return all;
}

std::vector<ProcessorRunner::Status> ProcessorRunner::status() const {
  std::lock_guard lock(mutex_);
  std::vector<Status> all;
  for (const auto& lane : lanes_) {
    all.push_back(lane->status);
  }
  return all;
}

bool ProcessorRunner::wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) {
  MR_CHECK(partition.value < lanes_.size());
  std::unique_lock lock(mutex_);
  const Lane& lane = *lanes_[partition.value];
  return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                           [&] { return lane.progress.stored_until >= until; });
}

}  // namespace millrace
