#include "process/log_cursor.h"

#include <chrono>

namespace millrace {

Result<LogCursor> LogCursor::open(Stream& stream, PartitionId partition, SequenceNumber from) {
  // What retention has given up can't be sought: reading begins behind it, and next() tells the hole.
  SequenceNumber first = std::max(from, stream.state(partition).begin);
  MR_ASSIGN(std::unique_ptr<StreamReader> reader, stream.reader(partition, first));
  return LogCursor(stream, partition, from, std::move(reader));
}

Result<StreamEntry> LogCursor::read() {
  if (held_) {
    StreamEntry entry = *held_;
    held_.reset();
    return entry;
  }
  Result<StreamEntry> entry = reader_->next();
  if (entry.ok() || entry.error().code != Code::kUnavailable) {
    return entry;
  }
  SequenceNumber begin = stream_->state(partition_).begin;
  if (begin <= position_) {
    return entry;
  }
  MR_TRY(reader_->seek(begin));  // retention has overtaken this reader
  return reader_->next();
}

Result<StreamEntry> LogCursor::next() {
  MR_ASSIGN(StreamEntry entry, read());
  while (entry.range.end <= position_) {  // sought to a place inside of it
    MR_ASSIGN(entry, read());
  }
  if (entry.range.begin > position_) {
    held_ = entry;
    entry = StreamEntry{{position_, entry.range.begin}, entry.received, true, {}};
  }
  if (entry.damaged) {
    entry.range.begin = position_;
  }
  position_ = entry.range.end;
  return entry;
}

std::int64_t month_of(TimeNs time) {
  using namespace std::chrono;
  year_month_day day(floor<days>(sys_time<nanoseconds>(nanoseconds(time))));
  return (static_cast<int>(day.year()) - 1970) * 12 + static_cast<std::int64_t>(static_cast<unsigned>(day.month())) - 1;
}

}  // namespace millrace
