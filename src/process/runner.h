#pragma once
// A thread for each partition, which does nothing but step its processor and wait. Tells everybody else how far they
// are.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "io/clock.h"
#include "io/thread.h"
#include "process/processor.h"
#include "stream/progress.h"

namespace millrace {

class ProcessorRunner final : public Progress {
 public:
  // Starts at once. `options` are those of every partition; its `partition` is set here. The parts must outlive the
  // runner.
  ProcessorRunner(const ProcessorParts& parts, const ProcessorOptions& options, Clock& clock);
  ~ProcessorRunner() override;  // stop(0)

  std::vector<PartitionProgress> partitions() const override;
  bool wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) override;

  // What was read goes into the store, checkpoints and snapshots are written, threads end. Whoever isn't done after
  // `drain_ms` ends after its step: what it leaves is in the log.
  void stop(std::int64_t drain_ms);

 private:
  struct Lane {
    Lane(const ProcessorParts& parts, const ProcessorOptions& options) : processor(parts, options) {}
    Processor processor;         // touched by its thread alone
    PartitionProgress progress;  // guarded by mutex_
    bool ended = false;          // guarded by mutex_
    std::unique_ptr<Thread> thread;
  };

  void run(Lane& lane, PartitionId partition);
  bool wait(Lane& lane, PartitionId partition, const StepResult& result);
  void publish(Lane& lane);
  void refresh_metrics();  // with mutex_ held

  Stream& stream_;
  Metrics& metrics_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> draining_ = false;
  std::atomic<bool> leaving_ = false;
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace millrace
