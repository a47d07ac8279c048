#include "ingest/native/event_reader.h"

#include "ingest/native/event_time.h"
#include "ingest/native/json_number.h"
#include "ingest/native/json_string.h"
#include "ingest/native/limits.h"
#include "ingest/native/unknown_field.h"

namespace millrace {

namespace {

// With the length known to the compiler, a comparison is one or two loads.
template <std::size_t kBytes>
bool is(std::string_view key, const char (&name)[kBytes]) {
  return key.size() == kBytes - 1 && __builtin_memcmp(key.data(), name, kBytes - 1) == 0;
}

}  // namespace

bool EventReader::read(Tokens& tokens) {
  event_ = EventView();
  event_.time = kNoTime;
  state_.verdict.clear();
  state_.keys = 0;
  if (tokens.at_end()) {
    return state_.verdict.syntax("a value is missing");
  }
  if (*tokens.next() != '{') {
    state_.verdict.reject("an event must be a JSON object");
    return context_.skip(tokens, 1, state_);
  }
  ++tokens.at;
  if (!members(tokens)) {
    return false;
  }
  finish();
  return true;
}

bool EventReader::members(Tokens& tokens) {
  if (!tokens.at_end() && *tokens.next() == '}') {
    ++tokens.at;
    return true;
  }
  while (true) {
    std::string_view key;
    if (tokens.at_end() || *tokens.next() != '"' || !take_string(tokens, key)) {
      return state_.verdict.syntax("an object's key is not a string");
    }
    if (!take_escapes(kKey, tokens, key)) {
      return false;
    }
    if (tokens.at_end() || *tokens.next() != ':') {
      return state_.verdict.syntax("a key is not followed by :");
    }
    ++tokens.at;
    if (tokens.at_end()) {
      return state_.verdict.syntax("it ends before a value");
    }
    if (!member(key, tokens)) {
      return false;
    }
    if (tokens.at_end() || (*tokens.next() != ',' && *tokens.next() != '}')) {
      return state_.verdict.syntax("a value in an object is followed by neither , nor }");
    }
    bool is_last = *tokens.next() == '}';
    ++tokens.at;
    if (is_last) {
      return true;
    }
  }
}

bool EventReader::member(std::string_view key, Tokens& tokens) {
  switch (key.size()) {
    case 5:
      if (is(key, "event")) {
        return text_field(kEvent, "event", tokens, event_.event);
      }
      break;
    case 7:
      if (is(key, "user_id")) {
        return text_field(kUser, "user_id", tokens, event_.user_id);
      }
      if (is(key, "context")) {
        return object_field("context", context_, tokens, event_.context);
      }
      if (is(key, "sent_at")) {
        return time_field(kSent, "sent_at", tokens, event_.sent);
      }
      break;
    case 9:
      if (is(key, "timestamp")) {
        return time_field(kTime, "timestamp", tokens, event_.time);
      }
      break;
    case 10:
      if (is(key, "properties")) {
        return object_field("properties", properties_, tokens, event_.properties);
      }
      if (is(key, "message_id")) {
        return text_field(kMessage, "message_id", tokens, event_.id);
      }
      if (is(key, "session_id")) {
        return text_field(kSession, "session_id", tokens, event_.session_id);
      }
      break;
    case 12:
      if (is(key, "anonymous_id")) {
        return text_field(kAnonymous, "anonymous_id", tokens, event_.anonymous_id);
      }
      break;
    default:
      break;
  }
  std::string_view meant = suggest_field(key);
  if (meant.empty()) {
    state_.verdict.reject("there is no field \"{}\"; what is your own goes into \"properties\"", excerpt(key));
  } else {
    state_.verdict.reject("there is no field \"{}\"; did you mean \"{}\"?", excerpt(key), meant);
  }
  return skip(tokens);
}

// A string, a number or null (an empty text) at the next token. Other values leave `tokens` where it is, with a null
// text.
bool EventReader::scalar(Slot slot, Tokens& tokens, std::string_view& text, bool& is_text) {
  const char* at = tokens.next();
  const char* end = tokens.text + tokens.limit;
  text = std::string_view();
  is_text = *at == '"';
  if (is_text) {
    if (!take_string(tokens, text)) {
      return state_.verdict.syntax("a string is not closed");
    }
    return take_escapes(slot, tokens, text);
  }
  if (*at == 'n' && literal_bytes(at, end) > 0) {
    text = std::string_view(at, 0);
    ++tokens.at;
  } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
    text = scan_number(at, end).text;
    if (text.empty()) {
      return state_.verdict.syntax("a number is malformed");
    }
    ++tokens.at;
  }
  return true;
}

bool EventReader::text_field(Slot slot, std::string_view name, Tokens& tokens, std::string_view& to) {
  bool is_text = false;
  if (!scalar(slot, tokens, to, is_text)) {
    return false;
  }
  bool is_event = slot == kEvent;
  if (to.data() == nullptr) {
    state_.verdict.reject("{} must be a string{}", name, is_event ? "" : " or a number");
    return skip(tokens);
  }
  if (is_event && !is_text && !to.empty()) {
    state_.verdict.reject("event must be a string");
  }
  std::size_t bytes_max = is_event ? kEventNameBytesMax : kIdBytesMax;
  if (to.size() > bytes_max) {
    state_.verdict.reject("{} has {} bytes, more than {}", name, to.size(), bytes_max);
  }
  return true;
}

bool EventReader::time_field(Slot slot, std::string_view name, Tokens& tokens, TimeNs& to) {
  to = kNoTime;
  std::string_view text;
  bool is_text = false;
  if (!scalar(slot, tokens, text, is_text)) {
    return false;
  }
  if (text.data() == nullptr) {
    state_.verdict.reject("{} must be a string or a number", name);
    return skip(tokens);
  }
  if (is_text || !text.empty()) {
    to = parse_event_time(text, name, state_.verdict);
  }
  return true;
}

bool EventReader::object_field(std::string_view name, CanonicalObject& object, Tokens& tokens, std::string_view& to) {
  const char* at = tokens.next();
  if (*at == '{') {
    if (!object.read(tokens, 2, state_)) {
      return false;
    }
    to = object.text();
    if (&object == &properties_) {
      event_.property_index = object.index();
    }
    return true;
  }
  to = "{}";
  if (&object == &properties_) {
    event_.property_index = {};
  }
  if (*at == 'n' && literal_bytes(at, tokens.text + tokens.limit) > 0) {
    ++tokens.at;
    return true;
  }
  state_.verdict.reject("{} must be an object", name);
  return skip(tokens);
}

// Only for events that are refused already: it makes use of the reader of `context`.
bool EventReader::skip(Tokens& tokens) { return context_.skip(tokens, 2, state_); }

// The text without its escapes, if it has any.
bool EventReader::take_escapes(Slot slot, Tokens& tokens, std::string_view& text) {
  if (!holds_escape(tokens, text)) [[likely]] {
    return true;
  }
  std::string& plain = unescaped_[slot];
  plain.clear();
  if (!unescape(text, plain, state_.verdict)) {
    return false;
  }
  text = plain;
  return true;
}

void EventReader::finish() {
  event_.id_kind = event_.id.empty() ? IdKind::kNone : IdKind::kMessage;
  if (event_.event.empty()) {
    state_.verdict.reject("the field \"event\" is missing or empty");
  }
}

}  // namespace millrace
