#pragma once
// One thing that a user did, as every module sees it after its protocol has been read.

#include <cstdint>
#include <string_view>

#include "base/strong.h"

namespace millrace {

// Where the id came from by which a repeat is recognised. Ids of different kinds never equal each other.
enum class IdKind : std::uint8_t {
  kNone = 0,     // no id: never a repeat
  kMessage = 1,  // the event's own message_id
  kBatch = 2,    // the batch's Idempotency-Key and the event's index in it; not shown to users
};

enum class PropertyType : std::uint8_t { kNull = 0, kBool = 1, kInteger = 2, kDouble = 3, kString = 4, kNested = 5 };

// An event whose text lies elsewhere (in a record or a parser's buffer) and must outlive this view. Absent strings are
// empty. All text is valid UTF-8. `properties` and `context` are canonical JSON objects: "{}" or more, no blanks
// between tokens, no key twice in one object, every number finite, every string with as few escapes as JSON allows.
struct EventView {
  std::string_view project;
  std::string_view event;
  std::string_view user_id;
  std::string_view anonymous_id;
  std::string_view session_id;
  IdKind id_kind = IdKind::kNone;
  std::string_view id;
  TimeNs time = 0;        // when it happened, by the sender; received time when the sender gave none
  TimeNs sent = kNoTime;  // the sender's clock when it sent it
  TimeNs received = 0;    // this server's clock
  std::string_view properties = "{}";
  std::string_view context = "{}";
  // Where the top-level members of `properties` lie in its text; see property_index.h.
  std::string_view property_index;

  // The first of user and anonymous id that is there; may be empty.
  std::string_view visitor() const { return user_id.empty() ? anonymous_id : user_id; }
  // What the partition is chosen by.
  std::string_view routing_key() const { return !visitor().empty() ? visitor() : id; }
};

// The place of an event in the stream.
struct Place {
  Generation generation;
  PartitionId partition;
  SequenceNumber sequence;
};

}  // namespace millrace
