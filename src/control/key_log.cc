#include "control/key_log.h"

#include <optional>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "base/json.h"

namespace millrace {

namespace {

constexpr std::size_t kFrameHeaderBytes = 8;

std::uint32_t checksum(std::string_view size_bytes, std::string_view change) {
  return crc32c(change, crc32c(size_bytes));
}

// The change in the frame at the front of `bytes`; nothing when there is no whole and right one.
std::optional<std::string_view> frame_at(std::string_view bytes) {
  ByteReader reader(bytes);
  auto size = reader.number<std::uint32_t>();
  auto sum = reader.number<std::uint32_t>();
  if (size == 0 || size > kKeyChangeBytesMax) {
    return std::nullopt;
  }
  std::string_view change = reader.take(size);
  if (!reader.ok() || checksum(bytes.substr(0, sizeof size), change) != sum) {
    return std::nullopt;
  }
  return change;
}

// A torn write leaves nothing behind it. So a whole change further on, or more bytes than one change has, mean that
// what lies here was durable once.
bool is_damage(std::string_view rest) {
  if (rest.size() > kFrameHeaderBytes + kKeyChangeBytesMax) {
    return true;
  }
  for (std::size_t at = 1; at + kFrameHeaderBytes < rest.size(); ++at) {
    if (frame_at(rest.substr(at))) {
      return true;
    }
  }
  return false;
}

std::string text_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr && member->is_string() ? member->text() : std::string();
}

TimeNs time_of(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr ? member->integer().value_or(kNoTime) : kNoTime;
}

std::optional<StoredKey> parse_change(std::string_view text) {
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

  std::string size;
  append_le(size, static_cast<std::uint32_t>(json.text().size()));
  to.append(size);
  append_le(to, checksum(size, json.text()));
  to.append(json.text());
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
  KeyLog log;
  log.good_bytes = kKeyLogHeaderBytes;
  while (log.good_bytes < bytes.size()) {
    std::string_view rest = bytes.substr(log.good_bytes);
    std::optional<std::string_view> change = frame_at(rest);
    if (!change) {
      if (is_damage(rest)) {
        return corrupt(fmt::format("the change at byte {} is damaged; restore the file from a copy", log.good_bytes));
      }
      break;
    }
    std::optional<StoredKey> key = parse_change(*change);
    if (!key) {
      return corrupt(fmt::format("the change at byte {} can't be understood", log.good_bytes));
    }
    log.changes.push_back(*std::move(key));
    log.good_bytes += kFrameHeaderBytes + change->size();
  }
  return log;
}

}  // namespace millrace
