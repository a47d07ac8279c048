#pragma once
// Brings views from where their states stand to where the processor is, by reading the log once more: at a start from
// the snapshot on, for a new view from the log's begin on. Which places are rows is known by then: all but the gaps.

#include <optional>

#include "process/gaps.h"
#include "process/log_cursor.h"
#include "views/views.h"

namespace millrace {

class ViewReader {
 public:
  // The parts must outlive it.
  ViewReader(Stream& stream, PartitionId partition, PartitionViews& views)
      : stream_(stream), partition_(partition), views_(views) {}

  // Reads about so many events for the views that stand lowest, up to `until`, which is the end of a record that was
  // read, or where one ceases to be readable. True when no view is behind it any longer: all are live.
  Result<bool> step(const Gaps& gaps, SequenceNumber until, std::uint32_t events_max);

 private:
  Result<void> open(const Gaps& gaps, SequenceNumber from);
  Result<void> read(const StreamEntry& entry, const Gaps& gaps, SequenceNumber until);

  Stream& stream_;
  const PartitionId partition_;
  PartitionViews& views_;
  std::optional<LogCursor> cursor_;
  SequenceNumber position_;  // the cursor's
};

}  // namespace millrace
