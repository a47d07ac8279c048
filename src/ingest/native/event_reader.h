#pragma once
// One event, from its tokens: the fields of docs/guides/sending-events.md.

#include <array>
#include <string>

#include "ingest/native/canonical.h"
#include "model/event.h"

namespace millrace {

class EventReader {
 public:
  // Reads the value that begins at the next token. False: it isn't JSON, and
  // nothing behind is known. Else `tokens` has moved past it, and reason() is empty when it is a good event.
  bool read(Tokens& tokens);

  // The event, without project and received time; `time` is kNoTime when the sender gave none. Points into the source
  // and this reader, valid until the next read().
  const EventView& event() const { return event_; }
  const std::string& reason() const { return state_.verdict.reason(); }
  // For whoever finds more to say against it.
  Verdict& verdict() { return state_.verdict; }

 private:
  enum Slot : std::size_t { kKey, kEvent, kUser, kAnonymous, kSession, kMessage, kTime, kSent, kSlots };

  bool members(Tokens& tokens);
  bool member(std::string_view key, Tokens& tokens);
  bool text_field(Slot slot, std::string_view name, Tokens& tokens, std::string_view& to);
  bool time_field(Slot slot, std::string_view name, Tokens& tokens, TimeNs& to);
  bool object_field(std::string_view name, CanonicalObject& object, Tokens& tokens, std::string_view& to);
  bool scalar(Slot slot, Tokens& tokens, std::string_view& text, bool& is_string);
  bool skip(Tokens& tokens);
  bool take_escapes(Slot slot, Tokens& tokens, std::string_view& text);
  void finish();

  EventState state_;
  EventView event_;
  CanonicalObject properties_;
  CanonicalObject context_;
  std::array<std::string, kSlots> unescaped_;  // texts that held escapes
};

}  // namespace millrace
