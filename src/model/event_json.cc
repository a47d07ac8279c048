#include "model/event_json.h"

#include "base/json.h"
#include "base/time_format.h"
#include "model/json_value.h"
#include "model/property_index.h"

namespace millrace {
namespace {

constexpr std::size_t kEscapedBytesMax = 6;  // of one byte: \u0001
constexpr std::size_t kNamesBytesMax = 256;  // of all members' names, and the two times

void append_member(std::string& to, std::string_view name, std::string_view text) {
  if (!text.empty()) {
    to.append(name);
    append_json_string(to, text);
  }
}

// Between its quotes, as append_json_string() escapes. False: not so.
bool unescape(std::string_view text, std::string& to) {
  to.clear();
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      to.push_back(text[at]);
      continue;
    }
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kBytes = "\"\\/\b\f\n\r\t";
    char name = ++at < text.size() ? text[at] : '\0';
    if (std::size_t known = kNames.find(name); known != std::string_view::npos) {
      to.push_back(kBytes[known]);
      continue;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    if (name != 'u' || at + 4 >= text.size() || text.substr(at + 1, 2) != "00") {
      return false;
    }
    std::size_t high = kDigits.find(text[at + 3]);
    std::size_t low = kDigits.find(text[at + 4]);
    if (high >= 8 || low == std::string_view::npos) {
      return false;  // nothing else is written so
    }
    to.push_back(static_cast<char>(high * 16 + low));
    at += 4;
  }
  return true;
}

// One past the string that begins at `at`; npos when it isn't closed.
std::size_t string_end(std::string_view text, std::size_t at, bool& escaped) {
  escaped = false;
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') {
      return at + 1;
    }
    if (text[at] == '\\') {
      escaped = true;
      ++at;
    }
  }
  return std::string_view::npos;
}

PropertyType type_of(std::string_view value) {
  switch (value.front()) {
    case 'n':
      return PropertyType::kNull;
    case 't':
    case 'f':
      return PropertyType::kBool;
    case '"':
      return PropertyType::kString;
    case '{':
    case '[':
      return PropertyType::kNested;
    default:
      return value.find_first_of(".eE") == std::string_view::npos ? PropertyType::kInteger : PropertyType::kDouble;
  }
}

}  // namespace

void append_event_json(std::string& to, const EventView& event) {
  to.append("{\"event\":");
  append_json_string(to, event.event);
  append_member(to, ",\"user_id\":", event.user_id);
  append_member(to, ",\"anonymous_id\":", event.anonymous_id);
  append_member(to, ",\"session_id\":", event.session_id);
  if (event.id_kind == IdKind::kMessage) {
    append_member(to, ",\"message_id\":", event.id);
  }
  to.append(",\"timestamp\":\"").append(format_rfc3339(event.time)).push_back('"');
  if (event.sent != kNoTime) {
    to.append(",\"sent_at\":\"").append(format_rfc3339(event.sent)).push_back('"');
  }
  if (event.properties != "{}") {
    to.append(",\"properties\":").append(event.properties);
  }
  if (event.context != "{}") {
    to.append(",\"context\":").append(event.context);
  }
  to.push_back('}');
}

std::size_t event_json_bytes_max(std::size_t record_bytes) { return kEscapedBytesMax * record_bytes + kNamesBytesMax; }

bool EventJsonReader::take(std::string_view text) {
  if (!rest_.starts_with(text)) {
    return false;
  }
  rest_.remove_prefix(text.size());
  return true;
}

bool EventJsonReader::text(Slot slot, std::string_view& to) {
  bool escaped = false;
  std::size_t end = rest_.starts_with('"') ? string_end(rest_, 0, escaped) : std::string_view::npos;
  if (end == std::string_view::npos) {
    return false;
  }
  to = rest_.substr(1, end - 2);
  rest_.remove_prefix(end);
  if (escaped) {
    bool plain = unescape(to, unescaped_[slot]);
    to = unescaped_[slot];
    return plain;
  }
  return true;
}

// True also when there is none.
bool EventJsonReader::text_member(Slot slot, std::string_view name, std::string_view& to) {
  return !take(name) || (text(slot, to) && to.size() <= UINT16_MAX);
}

bool EventJsonReader::time_member(Slot slot, std::string_view name, TimeNs& to) {
  std::string_view written;
  if (!take(name)) {
    return true;
  }
  std::optional<TimeNs> time = text(slot, written) ? parse_rfc3339(written) : std::nullopt;
  to = time.value_or(kNoTime);
  return time.has_value();
}

bool EventJsonReader::object_member(std::string_view name, std::string_view& to) {
  if (!take(name)) {
    return true;
  }
  std::size_t end = json_value_end(rest_, 0);
  if (!rest_.starts_with('{') || end > UINT32_MAX || end < 2 || rest_[end - 1] != '}') {
    return false;
  }
  to = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return true;
}

bool EventJsonReader::index_properties() {
  constexpr std::size_t kValueBytesMax = 0x1fffffff;
  std::string_view all = event_.properties;
  std::size_t last = all.size() - 1;  // its closing brace
  for (std::size_t at = 1; at < last;) {
    bool escaped = false;
    std::size_t key_end = all[at] == '"' ? string_end(all, at, escaped) : std::string_view::npos;
    if (key_end >= last || all[key_end] != ':') {
      return false;
    }
    std::size_t end = json_value_end(all, key_end + 1);
    if (end == key_end + 1 || end > last) {
      return false;
    }
    std::string_view value = all.substr(key_end + 1, end - key_end - 1);
    if (key_end - at - 2 > UINT16_MAX || value.size() > kValueBytesMax ||
        (end < last && (all[end] != ',' || end + 1 == last))) {
      return false;
    }
    append_property_index(index_, key_end - at - 2, value.size(), type_of(value));
    at = end + 1;
  }
  return index_.size() / kPropertyIndexEntryBytes <= UINT16_MAX;
}

bool EventJsonReader::read(std::string_view json) {
  rest_ = json;
  event_ = EventView();
  index_.clear();
  bool whole = take("{\"event\":") && text_member(kEvent, "", event_.event) && !event_.event.empty() &&
               text_member(kUser, ",\"user_id\":", event_.user_id) &&
               text_member(kAnonymous, ",\"anonymous_id\":", event_.anonymous_id) &&
               text_member(kSession, ",\"session_id\":", event_.session_id) &&
               text_member(kMessage, ",\"message_id\":", event_.id) && rest_.starts_with(",\"timestamp\":") &&
               time_member(kTime, ",\"timestamp\":", event_.time) && time_member(kSent, ",\"sent_at\":", event_.sent) &&
               object_member(",\"properties\":", event_.properties) && index_properties() &&
               object_member(",\"context\":", event_.context) && rest_ == "}";
  event_.id_kind = event_.id.empty() ? IdKind::kNone : IdKind::kMessage;
  event_.property_index = index_;
  return whole;
}

}  // namespace millrace
