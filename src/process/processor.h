#pragma once
// Brings the events of one partition into the store, each once: a loop of bounded steps with no clock, thread, disk or
// socket of its own, so that one thread can simulate it. docs/exactly-once.md tells how the parts fit together.

#include <deque>
#include <optional>
#include <string>

#include "process/fold.h"
#include "process/inserter.h"
#include "process/options.h"
#include "process/recovery.h"
#include "process/shared_folder.h"
#include "process/view_reader.h"
#include "stream/progress.h"

namespace millrace {

// What to wait for before the next step.
struct StepResult {
  enum class Next {
    kAgain,    // nothing: there is more to do
    kEvents,   // events past `beyond`, or the time `until`
    kTime,     // the time `until`
    kStopped,  // nothing will happen any more: drained, or failed (see Processor::error)
  };
  Next next = Next::kAgain;
  SequenceNumber beyond;
  TimeNs until = 0;  // monotonic
};

class Processor {
 public:
  // The parts must outlive it.
  Processor(const ProcessorParts& parts, const ProcessorOptions& options);

  // One bounded step: at most one call of the store, some thousand events folded, or some files written. One thread.
  StepResult step(TimeNs wall_now, TimeNs monotonic_now);

  // From now on steps bring what was read into the store, write checkpoint and snapshot, and then say kStopped.
  void drain() { draining_ = true; }

  // As of the last step.
  PartitionProgress progress() const;
  bool recovering() const { return recovery_.has_value(); }
  // Of this owner; not recorded in the store yet while it recovers.
  Epoch epoch() const { return recovery_ ? recovery_->checkpoint().epoch : stored_.epoch; }
  // Why it stopped for good, or what it is held up by at the moment; it tries that again by itself.
  const std::optional<Error>& error() const { return error_; }
  // It stopped because another has taken the partition over.
  bool superseded() const { return superseded_ || (recovery_ && recovery_->superseded()); }
  // Why checkpoints don't advance at the moment, though rows go on; empty when they do.
  const std::string& checkpoint_trouble() const { return checkpoint_trouble_; }
  std::uint64_t ids() const { return fold_ ? fold_->state().ids.size() : 0; }
  std::int64_t id_window_ns() const { return fold_ ? fold_->state().ids.window_ns() : 0; }

 private:
  using Next = StepResult::Next;

  Result<StepResult> step_once();
  void begin_recovery();
  Result<StepResult> recover();
  Result<StepResult> read();
  void begin_views();
  Result<StepResult> read_views();
  Result<StreamEntry> next_entry();
  Result<void> fold(const StreamEntry& entry);
  Result<EntryPart> fold_with_views(const StreamEntry& entry);
  void pass_damage();
  StepResult wait() const;

  bool batch_is_due() const;
  bool batch_can_grow() const;
  void begin_batch();
  Result<StepResult> insert();
  void end_batch();
  void advance(const InsertTally& tally);

  bool anything_to_checkpoint() const;
  Result<StepResult> checkpoint();
  Result<void> check_owner();
  Result<bool> still_stored(const Checkpoint& taken);
  Result<void> write(Checkpoint taken);
  bool snapshot_is_due() const;
  Result<StepResult> snapshot();
  void release();
  Result<StepResult> finish();
  StepResult stop();

  void publish();
  StepResult back_off(Error error);

  Result<void> keep_places();

  const std::unique_ptr<SharedFolder> shared_;  // null where checkpoint and snapshots lie in a folder
  const ProcessorParts parts_;                  // whose files are those
  const ProcessorOptions options_;
  Inserter inserter_;

  std::optional<Recovery> recovery_;
  // There once recovery is done.
  std::optional<Fold> fold_;
  std::optional<LogCursor> cursor_;
  std::optional<SnapshotFolder> snapshots_;
  Checkpoint stored_;                // its counts are of everything that the store has; written from time to time
  SequenceNumber written_position_;  // of the checkpoint that was written last
  struct Taken {
    TimeNs at = 0;  // monotonic
    Checkpoint checkpoint;
  };
  PartitionViews* const views_;  // null when there are none
  std::pair<std::string, SequenceNumber> view_snapshot_;
  std::optional<ViewReader> view_reader_;
  bool views_behind_ = false;
  bool views_turn_ = false;
  std::deque<Taken> trail_;  // not written yet; one at a time unless checkpoint_trail_ns is set

  EventBatch batch_;
  std::uint64_t batch_repeats_ = 0;      // folded since stored_, like the batch's rows
  TimeNs batch_opened_ = 0;              // monotonic
  std::int64_t batch_age_ns_;            // more than the option while the store has too many parts
  TimeNs oldest_received_ = 0;           // of what was folded since stored_
  std::optional<StreamEntry> held_;      // read, but of another month than the batch
  std::optional<SequenceRange> damage_;  // read, and waiting for the batch before it to be stored

  std::uint64_t bytes_since_snapshot_ = 0;
  TimeNs checkpoint_due_ = 0;  // monotonic
  bool snapshot_wanted_ = false;
  TimeNs places_kept_ = 0;  // monotonic
  bool superseded_ = false;

  TimeNs wall_ = 0;
  TimeNs now_ = 0;  // monotonic
  TimeNs paused_until_ = 0;
  TimeNs insert_began_ = 0;
  bool at_end_ = false;  // of the log, when it was read last
  std::int64_t backoff_ns_ = 0;
  std::optional<Error> error_;
  std::string checkpoint_trouble_;
  bool draining_ = false;
  bool last_checkpoint_tried_ = false;
  bool last_snapshot_tried_ = false;
  bool stopped_ = false;
  PartitionProgress progress_;
};

}  // namespace millrace
