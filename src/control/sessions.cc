#include "control/sessions.h"

#include <algorithm>

#include "base/json.h"
#include "base/log.h"
#include "base/time_format.h"
#include "control/secret.h"

namespace millrace {

namespace {

const std::string kKind = "session";

std::string digest_of(std::string_view token) { return to_hex(sha256(token)); }

}  // namespace

Sessions::Sessions(ControlLog& log, KeyStore& keys, Clock& clock, std::int64_t age_s)
    : log_(log), keys_(keys), clock_(clock), age_s_(age_s) {
  for (const auto& [digest, text] : log.all(kKind)) {
    Result<Json> json = Json::parse(text);
    const Json* key = json.ok() ? json->find("key") : nullptr;
    const Json* created = json.ok() ? json->find("created") : nullptr;
    const Json* expires = json.ok() ? json->find("expires") : nullptr;
    if (key == nullptr || created == nullptr || expires == nullptr) {
      log_warning("a session in the control log can't be understood and is left out");
      continue;
    }
    sessions_[digest] = {key->text(), created->integer().value_or(0), expires->integer().value_or(0)};
  }
}

// Takes out what has expired, and the oldest of a key that has too many.
Result<void> Sessions::make_room(const std::string& key_id) {
  std::vector<std::string> gone;
  {
    std::lock_guard lock(mutex_);
    TimeNs now = clock_.wall();
    std::vector<std::pair<TimeNs, std::string>> same_key;
    for (const auto& [digest, session] : sessions_) {
      if (session.expires <= now || !keys_.find(session.key_id)) {
        gone.push_back(digest);
      } else if (session.key_id == key_id) {
        same_key.emplace_back(session.created, digest);
      }
    }
    std::sort(same_key.begin(), same_key.end());
    for (std::size_t i = 0; i + kSessionsPerKeyMax <= same_key.size(); ++i) {
      gone.push_back(same_key[i].second);
    }
    for (const std::string& digest : gone) {
      sessions_.erase(digest);
    }
  }
  for (const std::string& digest : gone) {
    MR_TRY(log_.remove(kKind, digest));
  }
  return {};
}

Result<std::string> Sessions::open(const std::string& key_id) {
  MR_TRY(make_room(key_id));
  std::string token = make_secret();
  TimeNs now = clock_.wall();
  Session session{key_id, now, now + age_s_ * kSecond};
  JsonWriter json;
  json.begin_object().key("key").string(key_id).key("created").integer(session.created);
  json.key("expires").integer(session.expires).end_object();
  MR_TRY(log_.put(kKind, digest_of(token), json.text()));
  std::lock_guard lock(mutex_);
  sessions_[digest_of(token)] = std::move(session);
  return token;
}

std::optional<Principal> Sessions::check(std::string_view token) {
  if (token.size() < kSecretBytesMin || token.size() > kSecretBytesMax) {
    return std::nullopt;
  }
  std::string key_id;
  {
    std::lock_guard lock(mutex_);
    auto found = sessions_.find(digest_of(token));
    if (found == sessions_.end() || found->second.expires <= clock_.wall()) {
      return std::nullopt;
    }
    key_id = found->second.key_id;
  }
  return keys_.find(key_id);
}

Result<void> Sessions::close(std::string_view token) {
  std::string digest = digest_of(token);
  {
    std::lock_guard lock(mutex_);
    sessions_.erase(digest);
  }
  return log_.remove(kKind, digest);
}

}  // namespace millrace
