#pragma once
// A record is what one request brought for one partition: the payload of one entry of the stream. Its events are in
// parsed binary form, so that nobody parses JSON twice. docs/formats/record.md has a worked example.
//
//   u8  version (1)      u8  project_bytes     project
//   then for each event:
//   u32 bytes of the rest of this event
//   u8  id_kind          i64 time              i64 sent (INT64_MIN: none)
//   u16 event_bytes      u16 user_bytes        u16 anonymous_bytes    u16 session_bytes    u16 id_bytes
//   u32 properties_bytes u32 context_bytes     u16 property_count
//   event, user, anonymous, session, id, properties, context, then property_count index entries of 6 bytes
//
// The received time is the stream entry's, one for all its events.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/event.h"

namespace millrace {

inline constexpr std::uint8_t kRecordVersion = 1;
inline constexpr std::size_t kRecordEventHeaderBytes = 4 + 1 + 8 + 8 + 5 * 2 + 2 * 4 + 2;

// Begins a record: version and project (at most 255 bytes).
void begin_record(std::string& record, std::string_view project);
// Appends one event. The caller has checked the bounds: strings below 65,536 bytes, property_count below 65,536.
void append_event(std::string& record, const EventView& event);

// for (RecordCursor at(payload, received); at.next();) use(at.event());
// The views point into `payload`. After the loop, status() tells whether all of it was read: kCorrupt when the bytes
// are not a record, kInvalid when the version is newer than this program's.
class RecordCursor {
 public:
  RecordCursor(std::string_view payload, TimeNs received);
  bool next();
  const EventView& event() const { return event_; }
  Result<void> status() const;

 private:
  bool fail(Error error);

  std::string_view rest_;
  EventView event_;
  Error error_;
  bool failed_ = false;
};

}  // namespace millrace
