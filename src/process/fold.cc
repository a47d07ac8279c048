#include "process/fold.h"

#include "base/sabotage.h"

namespace millrace {

Result<EntryPart> Fold::fold(const StreamEntry& entry, EventBatch* rows) {
  if (position_ <= entry.range.begin) {  // an entry forgets once, also when it is read in parts
    state_.ids.forget(sabotaged_time(entry.received));
  }
  MR_ASSIGN(EntryPart part,
            for_each_event(entry, position_, entry.range.end, [&](const EventView& event, SequenceNumber) {
              Pending& pending = pending_[pending_count_++];
              pending.event = event;
              if (event.id_kind != IdKind::kNone) {
                pending.id = state_.hasher(event);
                state_.ids.prefetch(pending.id);
              }
              if (pending_count_ == kGroup) {
                decide(rows);
              }
              return true;
            }));
  decide(rows);
  return part;
}

void Fold::decide(EventBatch* rows) {
  for (std::size_t i = 0; i < pending_count_; ++i) {
    if (pending_[i].event.id_kind != IdKind::kNone) {
      state_.ids.prefetch_entry(pending_[i].id);
    }
  }
  for (std::size_t i = 0; i < pending_count_; ++i) {
    const EventView& event = pending_[i].event;
    bool repeat = event.id_kind != IdKind::kNone && state_.ids.repeat(pending_[i].id, position_, event.received);
    if (repeat) {
      state_.gaps.add({position_, position_.plus(1)});
      ++repeats_;
    } else {
      if (rows != nullptr) {
        rows->append(event, position_);
      }
      if (views_ != nullptr) {
        views_->fold(event, position_);
      }
    }
    position_ = position_.plus(1);
  }
  pending_count_ = 0;
}

}  // namespace millrace
