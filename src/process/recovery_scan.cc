// Past the checkpoint: which rows the store has is asked for row by row.
#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "process/recovery.h"

namespace millrace {
void Recovery::begin_scan() {
  missing_.clear();
  scanned_ = raise_to_ = old_position_;
  first_ = kEnd;
  phase_ = Phase::kScan;
}

Result<void> Recovery::scan() {
  if (fold_->position() <= scanned_) {
    MR_ASSIGN(StoredRange rest, stored({scanned_, kEnd}));
    if (rest.rows == 0) {
      return after_scan();
    }
  }
  while (fold_->position() < scanned_.plus(options_.scan_events)) {
    MR_ASSIGN(bool more, fold_entry());
    if (!more) {
      break;
    }
  }
  if (fold_->position() == scanned_) {
    return unavailable("the log does not give what it says is durable");
  }
  SequenceRange window{scanned_, std::min(fold_->position(), scanned_.plus(options_.scan_events))};
  MR_TRY(ask(window));
  while (!damaged_.empty() && damaged_.front().end <= window.end) {
    damaged_.erase(damaged_.begin());
  }
  scanned_ = window.end;
  return {};
}

Result<void> Recovery::ask(SequenceRange window) {
  Gaps& gaps = fold_->gaps();
  if (!damaged_.empty()) {
    MR_TRY(catch_up());  // what the store lacks of it is lost
  }
  MR_ASSIGN(std::vector<SequenceNumber> present, parts_.store.present(options_.partition, window));
  for (SequenceRange damage : damaged_) {
    damage = {std::max(damage.begin, window.begin), std::min(damage.end, window.end)};
    if (damage.begin >= damage.end) {
      continue;
    }
    // What the store has of it are rows; the rest is lost.
    std::uint64_t lost = 0;
    for (SequenceRange run : absent(damage, present)) {
      lost += run.end.value - run.begin.value;
      gaps.add(run);
      first_ = std::min(first_, run.begin);  // an old owner may have read it when it was whole
    }
    lost_past_ += lost;
    bool some_present = lost < damage.end.value - damage.begin.value;
    raise_to_ = some_present ? damage.end : raise_to_;
    log_error("events in the log are damaged", {{"partition", options_.partition.value},
                                                {"from", damage.begin.value},
                                                {"to", damage.end.value},
                                                {"lost", lost}});
    parts_.metrics.add(Metric::kProcessLost, static_cast<std::int64_t>(lost));
  }
  std::uint64_t accounted = present.size();
  for (SequenceRange run : absent(window, present)) {
    std::uint64_t rows = gaps.rows(run);
    accounted += rows;
    if (rows > 0) {
      missing_.push_back(run);
    }
  }
  if (accounted != gaps.rows(window) && !ids_incomplete_) {
    return corrupt(
        fmt::format("the store has rows of partition {} in [{}, {}) that are repeats by the log, or has rows "
                    "twice: remove the partition's rows from the store, and they are written again",
                    options_.partition.value, window.begin.value, window.end.value));
  }
  return {};
}

// Everything before first_ stays as it is, and what older owners wrote past it is disowned and written again.
Result<void> Recovery::after_scan() {
  first_ = std::min(first_, missing_.empty() ? fold_->position() : missing_.front().begin);
  first_ = std::max(first_, raise_to_);
  std::vector<SequenceRange> before;
  for (SequenceRange range : missing_) {
    if (range.begin < first_) {
      before.push_back({range.begin, std::min(range.end, first_)});
    }
  }
  if (before.empty()) {
    phase_ = Phase::kTakeOver;
    return {};
  }
  // They are written in an older owner's name. Some were asked for before the store had caught up.
  std::vector<SequenceRange> still;
  for (SequenceRange range : before) {
    MR_ASSIGN(std::vector<SequenceNumber> present, parts_.store.present(options_.partition, range));
    for (SequenceRange run : absent(range, present)) {
      still.push_back(run);
    }
  }
  if (still.empty()) {
    phase_ = Phase::kTakeOver;
  } else {
    begin_repair(Phase::kRepairRaised, std::move(still));
  }
  return {};
}

}  // namespace millrace
