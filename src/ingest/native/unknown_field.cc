#include "ingest/native/unknown_field.h"

#include <string>
#include <utility>

namespace millrace {

namespace {

// Names that other services give the same thing, in lower case and without - and _.
constexpr std::pair<std::string_view, std::string_view> kMeant[] = {
    {"event", "event"},
    {"events", "event"},
    {"eventname", "event"},
    {"eventtype", "event"},
    {"name", "event"},
    {"type", "event"},
    {"userid", "user_id"},
    {"user", "user_id"},
    {"uid", "user_id"},
    {"distinctid", "user_id"},
    {"anonymousid", "anonymous_id"},
    {"anonid", "anonymous_id"},
    {"deviceid", "anonymous_id"},
    {"sessionid", "session_id"},
    {"session", "session_id"},
    {"timestamp", "timestamp"},
    {"time", "timestamp"},
    {"ts", "timestamp"},
    {"date", "timestamp"},
    {"eventtime", "timestamp"},
    {"sentat", "sent_at"},
    {"messageid", "message_id"},
    {"id", "message_id"},
    {"uuid", "message_id"},
    {"insertid", "message_id"},
    {"eventid", "message_id"},
    {"properties", "properties"},
    {"property", "properties"},
    {"props", "properties"},
    {"data", "properties"},
    {"attributes", "properties"},
    {"traits", "properties"},
    {"context", "context"},
};

}  // namespace

std::string_view suggest_field(std::string_view unknown) {
  if (unknown.size() > 32) {
    return {};
  }
  std::string plain;
  for (char c : unknown) {
    if (c != '_' && c != '-' && c != '$') {
      plain.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
    }
  }
  for (auto [name, field] : kMeant) {
    if (plain == name) {
      return field;
    }
  }
  return {};
}

}  // namespace millrace
