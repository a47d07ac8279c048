#pragma once
// Threads around processors: one for each partition, which steps, and waits for what the step says.

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
  // One processor for each partition of the stream; `options.partition` is set by the runner, and its memory for ids is
  // shared out between them. All parts and the clock must outlive the runner.
  ProcessorRunner(const ProcessorParts& parts, const ProcessorOptions& options, Clock& clock);
  ~ProcessorRunner() override;  // stop(0) when it wasn't stopped

  // Processors of all partitions.
  void start();
  // Of one partition, where others process the others. The one that it had before must have ended.
  void begin(PartitionId partition);
  // The partitions' processors end: at once where they are lost to others, else after what was read is stored, in at
  // most so long. True when all was done.
  bool end(const std::vector<PartitionId>& partitions, bool lost, std::int64_t timeout_ms);
  // What was read goes to the store, then come the last checkpoint and snapshot; at most so long. True when all of it
  // was done.
  bool stop(std::int64_t timeout_ms);

  // Brings the metrics of the lag up to date, too.
  std::vector<PartitionProgress> partitions() const override;
  bool wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) override;

  struct Status {
    PartitionId partition;
    bool recovering = true;
    bool stopped = false;  // for good
    std::string error;     // why it stopped, or what holds it up at the moment; empty when all is well
  };
  std::vector<Status> status() const;

 private:
  struct Lane {
    std::unique_ptr<Processor> processor;  // touched by its thread alone, while there is one
    std::optional<Thread> thread;
    std::atomic<bool> draining = false;
    std::atomic<bool> abandoned = false;  // the time for draining is over
    // Under mutex_:
    bool here = false;  // this server processes it
    PartitionProgress progress;
    TimeNs published = 0;  // monotonic; when that was so
    Status status;
    std::uint64_t ids = 0;
    std::int64_t id_window_ns = 0;
    bool ended = false;
  };
  bool end_lanes(const std::vector<Lane*>& lanes, std::int64_t timeout_ms);
  void process(Lane& lane);
  bool wait_to_try_again(Lane& lane);
  void run(Lane& lane);
  void publish(Lane& lane, const StepResult& result);
  void wait(Lane& lane, const StepResult& result);
  void publish_ids();                                     // under mutex_
  PartitionProgress progress_of(const Lane& lane) const;  // under mutex_

  ProcessorParts parts_;
  ProcessorOptions options_;
  Clock& clock_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace millrace
