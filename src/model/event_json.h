#pragma once
// One event as JSON text, as a message of a topic has it: an object that POST /v1/events takes, its members in this
// order, no blanks between tokens. Absent members are left out, and so are empty `properties` and `context`.
//
//   {"event":…,"user_id":…,"anonymous_id":…,"session_id":…,"message_id":…,"timestamp":…,"sent_at":…,"properties":{…},
//    "context":{…}}
//
// Not in it are the project, the received time, and an id that isn't the event's own (IdKind::kBatch): those are the
// message's.

#include <array>
#include <string>
#include <string_view>

#include "model/event.h"

namespace millrace {

void append_event_json(std::string& to, const EventView& event);
// The text of no event of a record of that size is longer.
std::size_t event_json_bytes_max(std::size_t record_bytes);

// Reads what append_event_json() writes, and nothing else.
class EventJsonReader {
 public:
  // False when `json` is no such text. What lies within a value of `properties` and `context` isn't looked at.
  bool read(std::string_view json);
  // Points into `json` and this reader; valid until the next read().
  EventView& event() { return event_; }

 private:
  enum Slot : std::size_t { kEvent, kUser, kAnonymous, kSession, kMessage, kTime, kSent, kSlots };

  bool take(std::string_view text);
  bool text(Slot slot, std::string_view& to);
  bool text_member(Slot slot, std::string_view name, std::string_view& to);
  bool time_member(Slot slot, std::string_view name, TimeNs& to);
  bool object_member(std::string_view name, std::string_view& to);
  bool index_properties();

  std::string_view rest_;
  EventView event_;
  std::array<std::string, kSlots> unescaped_;  // texts that held escapes
  std::string index_;
};

}  // namespace millrace
