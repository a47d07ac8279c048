#pragma once
// What happens at the start of a partition, before its first new row: from checkpoint, snapshot, log and store to a
// fold that stands at one place, everything before which is in the store once. See docs/exactly-once.md.

#include <optional>
#include <string>
#include <vector>

#include "process/fold.h"
#include "process/options.h"
#include "process/repair.h"
#include "process/shared_folder.h"

namespace millrace {

class Recovery {
 public:
  // `shared`: the files of `parts`, when they lie in the store; else null.
  Recovery(const ProcessorParts& parts, const ProcessorOptions& options, SharedFolder* shared);

  // A bounded step. True at the end: then take the results. kFull, kUnavailable, kUnknown: call again after a pause.
  // kInvalid and kCorrupt: this partition can't be processed; the message says what to do.
  Result<bool> step();

  // The counts of everything before fold().position(), the new owner's epoch among them. Not written yet.
  const Checkpoint& checkpoint() const { return checkpoint_; }
  // What is known to be in the store: nothing until it has been compared with the checkpoint, and made whole.
  Counts proven() const { return phase_ < Phase::kScan ? Counts() : checkpoint_.counts; }
  // The position of the checkpoint that is in its file.
  SequenceNumber written_position() const { return old_position_; }
  Fold take_fold() { return std::move(*fold_); }
  LogCursor take_cursor() { return std::move(*cursor_); }
  // The views' states in the snapshot that the fold began with, and its position.
  std::string take_views() { return std::move(views_); }
  SequenceNumber views_position() const { return views_position_; }
  // Another has taken the partition over meanwhile: the error says so, and it isn't ours any longer.
  bool superseded() const { return superseded_; }
  SnapshotFolder take_snapshots() { return std::move(*snapshots_); }

 private:
  static constexpr SequenceNumber kEnd{UINT64_MAX};  // of all places

  // In this order. Whatever goes wrong half-way, beginning again at kLoad is right.
  enum class Phase {
    kLoad,          // checkpoint, snapshot, owner; the log must reach as far as they do
    kFold,          // from the snapshot to the checkpoint
    kCompare,       // the store's count below the checkpoint with the checkpoint's
    kSearch,        // for the ranges where the store has too few rows
    kRepair,        // inserts what the log still has of them
    kRecount,       // what could not be repaired is lost
    kScan,          // folds on for as long as the store has rows past the checkpoint, and notes which are missing
    kRepairRaised,  // inserts missing rows that lie before rows which only the store still has
    kTakeOver,
    kRewrite,  // inserts everything from the takeover's first place to the fold's position
    kFinish,   // counts
    kDone,
  };

  Result<void> step_once();
  Result<void> load();
  Result<bool> attend();
  Result<void> copy_state();
  Error refuse_loss(std::uint64_t rows) const;
  Result<void> choose_checkpoint(const std::optional<Snapshot>& snapshot);
  Result<void> check_log_end();
  Result<void> begin_fold(std::optional<Snapshot> snapshot);
  Result<void> skip_what_the_log_lost(SequenceNumber begin);
  Result<void> fold();
  Result<bool> fold_entry();  // false at the end of the log
  Result<void> compare();
  Result<bool> catch_up();
  Result<void> search();
  Result<void> after_search();
  Result<void> count_as_rows(std::uint64_t more);
  Result<void> recount();
  void begin_scan();
  Result<void> scan();
  Result<void> ask(SequenceRange window);
  Result<void> after_scan();
  Result<void> take_over();
  Result<void> become_owner();
  Result<void> finish();
  void begin_repair(Phase phase, std::vector<SequenceRange> ranges);
  Result<void> repair(Phase after);
  Result<StoredRange> stored(SequenceRange range, bool with_hash = false);

  ProcessorParts parts_;
  const ProcessorOptions& options_;
  SharedFolder* const shared_;
  Takeover before_;     // the owner whose rows and state were found
  Takeover mine_;       // its first place is known when it is recorded
  bool taken_ = false;  // it is recorded
  bool superseded_ = false;
  Phase phase_ = Phase::kLoad;
  Checkpoint checkpoint_;
  SequenceNumber old_position_;  // of the checkpoint: the store's rows before it were flushed
  std::optional<SnapshotFolder> snapshots_;
  std::optional<Fold> fold_;
  std::optional<LogCursor> cursor_;
  std::string views_;
  SequenceNumber views_position_;
  std::string other_store_;      // that the checkpoint's rows are in; empty when it is this one
  bool caught_up_ = false;       // the store's copy had all that any copy had, before it was asked
  bool ids_incomplete_ = false;  // the log was cut behind the snapshot: repeats may not be recognised

  std::vector<SequenceRange> to_search_;
  std::vector<SequenceRange> missing_;  // below the checkpoint, later past it; gaps may be among them
  std::uint64_t shortage_ = 0;
  std::optional<Repair> repair_;

  SequenceNumber scanned_;
  std::vector<SequenceRange> damaged_;  // in the window that is scanned
  SequenceNumber raise_to_;             // rows before it can't be written again, and must not be disowned
  SequenceNumber first_;                // of the new owner
  std::uint64_t failed_below_ = 0;      // refused in repairs below the checkpoint
  std::uint64_t failed_past_ = 0;
  std::uint64_t lost_past_ = 0;
};

}  // namespace millrace
