#pragma once
// Reads places from the log again and inserts their rows: those that the store should have and doesn't.

#include <optional>
#include <vector>

#include "process/checkpoint.h"
#include "process/gaps.h"
#include "process/inserter.h"
#include "process/log_cursor.h"
#include "process/options.h"

namespace millrace {

class Repair {
 public:
  // Places in `ranges` (ascending, apart) that are no gaps are inserted, each with the epoch that owns it.
  Repair(const ProcessorParts& parts, const ProcessorOptions& options, const Gaps& gaps,
         std::vector<SequenceRange> ranges, std::vector<Ownership> owners);

  // A bounded step. True at the end. Errors are those of Inserter::step().
  Result<bool> step();

  const std::vector<SequenceNumber>& failed() const { return failed_; }  // refused by the store
  // The log no longer has these; gaps may be among them.
  const std::vector<SequenceRange>& unreadable() const { return unreadable_; }

 private:
  Result<void> read();
  Result<void> read_from(const StreamEntry& entry, const SequenceRange& range);
  bool append(const EventView& event, SequenceNumber place);
  void collect();

  ProcessorParts parts_;
  const ProcessorOptions& options_;
  const Gaps& gaps_;
  const std::vector<SequenceRange> ranges_;
  const std::vector<Ownership> owners_;
  std::size_t at_ = 0;   // the range that is read
  SequenceNumber next_;  // the place in it
  std::optional<LogCursor> cursor_;
  std::optional<StreamEntry> entry_;  // read in part; the batch had to go first
  EventBatch batch_;
  Inserter inserter_;
  std::vector<SequenceNumber> failed_;
  std::vector<SequenceRange> unreadable_;
};

}  // namespace millrace
