#pragma once
// The fold: which events of the log are rows, and which are repeats. It depends on the log's contents alone, so that
// folding the same log from the same snapshot decides the same.

#include "model/batch.h"
#include "process/log_cursor.h"
#include "process/snapshot.h"
#include "views/views.h"

namespace millrace {

class Fold {
 public:
  Fold(FoldState state, SequenceNumber position) : state_(std::move(state)), position_(position) {}

  // Folds the events of an intact entry that lie at or past position(), and appends those that are rows to `rows`
  // (where it isn't null). Repeats become gaps. position() is then the entry's end, or where it stops being a record.
  Result<EntryPart> fold(const StreamEntry& entry, EventBatch* rows);
  // Rows are folded into these views too, of the records that their owner has begun; null: into none.
  void fold_into(PartitionViews* views) { views_ = views; }
  // Passes over places whose events can't be read.
  void pass(SequenceNumber until) { position_ = until; }

  SequenceNumber position() const { return position_; }
  FoldState& state() { return state_; }
  const FoldState& state() const { return state_; }
  Gaps& gaps() { return state_.gaps; }
  std::uint64_t repeats() const { return repeats_; }  // since it was made

 private:
  static constexpr std::size_t kGroup = 32;  // ids whose memory is fetched at once
  struct Pending {
    EventView event;
    Fingerprint id;
  };
  void decide(EventBatch* rows);

  FoldState state_;
  PartitionViews* views_ = nullptr;
  SequenceNumber position_;  // of the first of the pending events
  Pending pending_[kGroup];
  std::size_t pending_count_ = 0;
  std::uint64_t repeats_ = 0;
};

}  // namespace millrace
