#include "process/view_reader.h"

#include "base/sabotage.h"

namespace millrace {

Result<void> ViewReader::open(const Gaps& gaps, SequenceNumber from) {
  PartitionState log = stream_.state(partition_);
  if (from < log.begin) {
    MR_ASSIGN(LogCursor first, LogCursor::open(stream_, partition_, log.begin));
    Result<StreamEntry> entry = first.next();
    std::lock_guard lock(views_.lock());
    views_.start_late(log.begin, entry.ok() ? entry->received : log.newest_received,
                      gaps.rows({SequenceNumber(0), log.begin}));
    from = *views_.behind();
  }
  MR_ASSIGN(cursor_, LogCursor::open(stream_, partition_, from));
  position_ = from;
  return {};
}

Result<void> ViewReader::read(const StreamEntry& entry, const Gaps& gaps, SequenceNumber until) {
  SequenceNumber end = std::min(entry.range.end, until);
  SequenceNumber intact_until = position_;
  std::lock_guard lock(views_.lock());
  if (!entry.damaged) {
    views_.begin_record(position_, entry.received, false);
    MR_ASSIGN(EntryPart part, for_each_event(entry, position_, end, [&](const EventView& event, SequenceNumber place) {
                if (sabotaged(Sabotage::kViewsCountGaps) || !gaps.contains(place)) {
                  views_.fold(event, place);
                }
                return true;
              }));
    intact_until = part.next;
    views_.end_record(intact_until);
  }
  if (intact_until < end) {
    views_.skip(intact_until, end, gaps.rows({intact_until, end}), false);
  }
  position_ = end;
  return {};
}

Result<bool> ViewReader::step(const Gaps& gaps, SequenceNumber until, std::uint32_t events_max) {
  std::optional<SequenceNumber> behind = views_.behind();
  if (behind && (!cursor_ || position_ != *behind || *behind < stream_.state(partition_).begin)) {
    MR_TRY(open(gaps, *behind));
    behind = position_;
  }
  SequenceNumber enough = behind ? behind->plus(events_max) : until;
  while (behind && position_ < until && position_ < enough) {
    MR_ASSIGN(StreamEntry entry, cursor_->next());
    MR_TRY(read(entry, gaps, until));
  }
  std::lock_guard lock(views_.lock());
  views_.go_live(until);
  return !views_.behind();
}

}  // namespace millrace
