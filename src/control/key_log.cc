#include "control/key_log.h"

#include <optional>

#include <fmt/format.h>

#include "base/check.h"
#include "base/json.h"
#include "control/frames.h"

namespace millrace {

namespace {

std::string text_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr && member->is_string() ? member->text() : std::string();
}

TimeNs time_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr ? member->integer().value_or(kNoTime) : kNoTime;
}

std::optional<StoredKey> parse_stored_key(std::string_view text) {
  Result<Json> json = Json::parse(text);
  if (!json.ok()) {
    return std::nullopt;
  }
  StoredKey key;
  key.info.id = text_of(*json, "id");
  key.info.name = text_of(*json, "name");
  key.info.project = text_of(*json, "project");
  key.info.created = time_of(*json, "created");
  key.info.expires = time_of(*json, "expires");
  key.revoked_at = time_of(*json, "revoked");
  key.info.revoked = key.revoked_at != kNoTime;
  Result<std::uint8_t> scopes = parse_scopes(text_of(*json, "scopes"));
  if (key.info.id.empty() || key.info.project.empty() || !scopes.ok() ||
      !from_hex(text_of(*json, "sha256"), key.digest)) {
    return std::nullopt;
  }
  key.info.scopes = *scopes;
  return key;
}

}  // namespace

void append_key_log_header(std::string& to) {
  to.append(kKeyLogMagic);
  to.push_back(static_cast<char>(kKeyLogVersion));
}

void append_key_change(std::string& to, const StoredKey& key) {
  JsonWriter json;
  json.begin_object();
  json.key("id").string(key.info.id);
  json.key("name").string(key.info.name);
  json.key("project").string(key.info.project);
  json.key("scopes").string(format_scopes(key.info.scopes));
  json.key("sha256").string(to_hex(key.digest));
  json.key("created").integer(key.info.created);
  if (key.info.expires != kNoTime) {
    json.key("expires").integer(key.info.expires);
  }
  if (key.revoked_at != kNoTime) {
    json.key("revoked").integer(key.revoked_at);
  }
  json.end_object();
  MR_CHECK(json.text().size() <= kKeyChangeBytesMax);

  append_frame(to, json.text());
}

Result<KeyLog> parse_key_log(std::string_view bytes) {
  if (bytes.size() < kKeyLogHeaderBytes || bytes.substr(0, kKeyLogMagic.size()) != kKeyLogMagic) {
    return corrupt("it does not begin like a file of keys");
  }
  auto version = static_cast<std::uint8_t>(bytes[kKeyLogMagic.size()]);
  if (version > kKeyLogVersion) {
    return invalid(fmt::format("it has format version {}, written by a newer millrace; this one reads version {}",
                               version, kKeyLogVersion));
  }
  MR_ASSIGN(Frames frames, parse_frames(bytes, kKeyLogHeaderBytes, kKeyChangeBytesMax));
  KeyLog log;
  log.last = frames.last;
  log.good_bytes = frames.good_bytes;
  for (const Frames::Frame& frame : frames.all) {
    std::optional<StoredKey> key = parse_stored_key(frame.change);
    if (!key) {
      return corrupt(fmt::format("the change at byte {} can't be understood", frame.at));
    }
    log.changes.push_back(*std::move(key));
  }
  return log;
}

}  // namespace millrace
