#include "process/repair.h"

#include "base/sabotage.h"

namespace millrace {

Repair::Repair(const ProcessorParts& parts, const ProcessorOptions& options, const Gaps& gaps,
               std::vector<SequenceRange> ranges, std::vector<Ownership> owners)
    : parts_(parts),
      options_(options),
      gaps_(gaps),
      ranges_(std::move(ranges)),
      owners_(std::move(owners)),
      inserter_(parts.store, parts.failed, parts.metrics) {
  batch_.generation = parts.stream.generation();
  batch_.partition = options.partition;
}

Result<bool> Repair::step() {
  if (inserter_.active()) {
    MR_ASSIGN(bool done, inserter_.step());
    if (done) {
      collect();
    }
    return false;
  }
  bool batch_is_full = batch_.rows() >= options_.batch_rows_max || batch_.bytes() >= options_.batch_bytes_max;
  bool read_all = at_ == ranges_.size();
  if (batch_.rows() > 0 && (batch_is_full || entry_ || read_all)) {
    inserter_.begin(batch_);
    return false;
  }
  if (read_all) {
    return true;
  }
  MR_TRY(read());
  return false;
}

void Repair::collect() {
  const InsertTally& tally = inserter_.tally();
  failed_.insert(failed_.end(), tally.failed.begin(), tally.failed.end());
  batch_.clear();
}

Result<void> Repair::read() {
  const SequenceRange& range = ranges_[at_];
  next_ = std::max(next_, range.begin);
  if (next_ >= range.end) {
    ++at_;
    return {};
  }
  if (!entry_) {
    // The entry at hand may reach into the next range: a cursor that stands elsewhere is opened anew.
    if (!cursor_ || cursor_->position() != next_) {
      MR_ASSIGN(cursor_, LogCursor::open(parts_.stream, options_.partition, next_));
    }
    Result<StreamEntry> entry = cursor_->next();
    if (!entry.ok() && entry.error().code == Code::kNotFound) {
      unreadable_.push_back({next_, range.end});
      ++at_;
      return {};
    }
    if (!entry.ok()) {
      return entry.error();
    }
    entry_ = *entry;
  }
  return read_from(*entry_, range);
}

Result<void> Repair::read_from(const StreamEntry& entry, const SequenceRange& range) {
  SequenceNumber end = std::min(entry.range.end, range.end);
  EntryPart part{next_, false};
  if (!entry.damaged) {
    MR_ASSIGN(part, for_each_event(entry, next_, end, [&](const EventView& event, SequenceNumber place) {
                // By now the table of ids has this event, at this place.
                bool own_repeat = sabotaged(Sabotage::kRepeatOfItself) && event.id_kind != IdKind::kNone;
                return gaps_.contains(place) || own_repeat || append(event, place);
              }));
  }
  next_ = part.next;
  if (!part.readable) {
    unreadable_.push_back({next_, end});
    next_ = end;
  }
  if (next_ >= end) {
    entry_.reset();
  }
  return {};
}

// False when the batch must go to the store before this row can be taken.
bool Repair::append(const EventView& event, SequenceNumber place) {
  Epoch epoch = owner_of(owners_, place);
  if (batch_.rows() > 0 && (epoch != batch_.epoch || month_of(batch_.received.front()) != month_of(event.received))) {
    return false;
  }
  batch_.epoch = epoch;
  batch_.append(event, place);
  return true;
}

}  // namespace millrace
