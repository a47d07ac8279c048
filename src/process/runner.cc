#include "process/runner.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>

#include "base/check.h"

namespace millrace {
namespace {

constexpr std::int64_t kWaitMsMax = 200;  // how late a thread may see that it should end
constexpr std::chrono::seconds kTryAgainAfter(30);

}  // namespace

ProcessorRunner::ProcessorRunner(const ProcessorParts& parts, const ProcessorOptions& options, Clock& clock)
    : parts_(parts), options_(options), clock_(clock) {
  options_.ids.ids_max =
      std::max<std::uint64_t>(options.ids.ids_max / parts.stream.partitions(), options.ids.chunk_ids);
  for (std::uint16_t partition = 0; partition < parts.stream.partitions(); ++partition) {
    auto lane = std::make_unique<Lane>();
    lane->status.partition = PartitionId(partition);
    lane->progress.partition = PartitionId(partition);
    lanes_.push_back(std::move(lane));
  }
}

ProcessorRunner::~ProcessorRunner() { stop(0); }

void ProcessorRunner::start() {
  for (auto& lane : lanes_) {
    begin(lane->status.partition);
  }
}

void ProcessorRunner::begin(PartitionId partition) {
  Lane& lane = *lanes_[partition.value];
  if (stopping_) {
    return;
  }
  lane.thread.reset();  // it has ended, or is about to: it was told to
  lane.draining = lane.abandoned = false;
  {
    std::lock_guard lock(mutex_);
    lane.here = true;
    lane.ended = false;
    lane.progress = {};
    lane.progress.partition = partition;
    lane.status = {partition, true, false, {}};
    lane.published = clock_.monotonic();
  }
  std::string name = "process-" + std::to_string(partition.value);
  lane.thread.emplace(name.c_str(), [this, &lane] { run(lane); });
}

void ProcessorRunner::run(Lane& lane) {
  stand_back();  // under overload events are taken first: what is in the log can be stored later
  do {
    process(lane);
  } while (wait_to_try_again(lane));
  lane.processor.reset();
  if (parts_.shared != nullptr) {
    parts_.stream.leave(lane.status.partition);
    if (parts_.views != nullptr) {
      PartitionViews& views = parts_.views->partition(lane.status.partition);
      std::lock_guard lock(views.lock());
      views.let_go();
    }
  }
  std::lock_guard lock(mutex_);
  lane.ended = true;
  changed_.notify_all();
}

void ProcessorRunner::process(Lane& lane) {
  ProcessorOptions own = options_;
  own.partition = lane.status.partition;
  lane.processor = std::make_unique<Processor>(parts_, own);
  while (!lane.abandoned) {
    if (lane.draining) {
      lane.processor->drain();
    }
    StepResult result = lane.processor->step(clock_.wall(), clock_.monotonic());
    publish(lane, result);
    if (result.next == StepResult::Next::kStopped) {
      break;
    }
    wait(lane, result);
  }
}

// Another has taken the partition over. If it stays ours by the group for longer than a dead member is believed in,
// that one is gone, or two have taken over at once.
bool ProcessorRunner::wait_to_try_again(Lane& lane) {
  if (parts_.shared == nullptr || !lane.processor->superseded()) {
    return false;
  }
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, kTryAgainAfter, [&] { return lane.draining || lane.abandoned; });
}

void ProcessorRunner::wait(Lane& lane, const StepResult& result) {
  if (result.next == StepResult::Next::kAgain) {
    return;
  }
  // Rounded up, so that the deadline has passed when it wakes.
  std::int64_t ms = std::clamp<std::int64_t>((result.until - clock_.monotonic() + 999'999) / 1'000'000, 0, kWaitMsMax);
  if (result.next == StepResult::Next::kEvents && !lane.draining) {
    parts_.stream.wait_for(lane.status.partition, result.beyond, ms);
    return;
  }
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(ms), [&lane] { return lane.abandoned.load(); });
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
    if (!lane->here) {
      continue;
    }
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
    if (!lane->here) {
      continue;
    }
    ids += static_cast<std::int64_t>(lane->ids);
    window_ns = std::min(window_ns, lane->id_window_ns);
  }
  parts_.metrics.set(Metric::kProcessIds, ids);
  parts_.metrics.set(Metric::kProcessIdWindow, window_ns / 1000);
}

bool ProcessorRunner::stop(std::int64_t timeout_ms) {
  stopping_ = true;
  std::vector<Lane*> all;
  for (auto& lane : lanes_) {
    lane->draining = true;
    all.push_back(lane.get());
  }
  bool done = end_lanes(all, timeout_ms);
  for (auto& lane : lanes_) {
    lane->thread.reset();
  }
  return done;
}

bool ProcessorRunner::end(const std::vector<PartitionId>& partitions, bool lost, std::int64_t timeout_ms) {
  std::vector<Lane*> ending;
  for (PartitionId partition : partitions) {
    Lane* lane = lanes_[partition.value].get();
    lane->draining = true;
    ending.push_back(lane);
  }
  bool done = end_lanes(ending, lost ? 0 : timeout_ms);
  std::lock_guard lock(mutex_);
  for (Lane* lane : ending) {
    lane->here = false;
  }
  return done;
}

bool ProcessorRunner::end_lanes(const std::vector<Lane*>& lanes, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  changed_.notify_all();
  auto ended = [&] {
    return std::all_of(lanes.begin(), lanes.end(), [](const Lane* lane) { return lane->ended || !lane->thread; });
  };
  bool all = changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ended);
  for (Lane* lane : lanes) {
    lane->abandoned = true;
  }
  changed_.notify_all();
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
