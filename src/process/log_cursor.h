#pragma once
// Reads one partition without leaving anything out: what the log no longer has comes as a damaged entry.

#include <algorithm>
#include <memory>
#include <optional>

#include "base/result.h"
#include "model/record.h"
#include "stream/stream.h"

namespace millrace {

class LogCursor {
 public:
  static Result<LogCursor> open(Stream& stream, PartitionId partition, SequenceNumber from);

  // The entry that holds position(); then position() is its end. kNotFound when everything durable has been read.
  // A damaged entry begins at position(); another may hold earlier events too.
  Result<StreamEntry> next();
  SequenceNumber position() const { return position_; }

 private:
  LogCursor(Stream& stream, PartitionId partition, SequenceNumber from, std::unique_ptr<StreamReader> reader)
      : stream_(&stream), partition_(partition), position_(from), reader_(std::move(reader)) {}
  Result<StreamEntry> read();

  Stream* stream_;
  PartitionId partition_;
  SequenceNumber position_;
  std::unique_ptr<StreamReader> reader_;
  std::optional<StreamEntry> held_;  // lies behind a hole that is told first
};

struct EntryPart {
  SequenceNumber next;   // one past the last event that was used, or could be
  bool readable = true;  // false: what follows in the entry is no record
};

// Calls use(event, place) for the entry's events in [from, until), until it says false. kInvalid when the record was
// written by a newer program.
template <typename Use>
Result<EntryPart> for_each_event(const StreamEntry& entry, SequenceNumber from, SequenceNumber until, Use&& use) {
  RecordCursor events(entry.payload, entry.received);
  until = std::min(until, entry.range.end);
  SequenceNumber place = entry.range.begin;
  for (; place < until && events.next(); place = place.plus(1)) {
    if (place >= from && !use(events.event(), place)) {
      return EntryPart{place, true};
    }
  }
  if (place >= until) {
    return EntryPart{place, true};
  }
  Result<void> status = events.status();
  if (!status.ok() && status.error().code == Code::kInvalid) {
    return status.error();
  }
  return EntryPart{std::max(place, from), false};
}

// The calendar month (UTC) of a time: years since 1970 times 12 and months since January.
std::int64_t month_of(TimeNs time);

}  // namespace millrace
