#include "app/keys_api.h"

#include "base/json.h"
#include "base/time_format.h"

namespace millrace {
namespace {

constexpr std::size_t kBodyBytesMax = 16 << 10;
constexpr std::size_t kNameBytesMax = 200;

void write_key(JsonWriter& json, const KeyInfo& key) {
  json.begin_object().key("id").string(key.id).key("name").string(key.name).key("project").string(key.project);
  json.key("scopes").begin_array();
  for (auto [bit, scope] : {std::pair(kScopeWrite, "write"), std::pair(kScopeRead, "read"), std::pair(kScopeSql, "sql"),
                            std::pair(kScopeFeed, "feed"), std::pair(kScopeAdmin, "admin")}) {
    if ((key.scopes & bit) != 0) {
      json.string(scope);
    }
  }
  json.end_array().key("created").string(format_rfc3339(key.created)).key("expires");
  if (key.expires == kNoTime) {
    json.null();
  } else {
    json.string(format_rfc3339(key.expires));
  }
  json.key("revoked").boolean(key.revoked).end_object();
}

struct NewKey {
  std::string name;
  std::uint8_t scopes = 0;
  TimeNs expires = kNoTime;
};

Result<std::uint8_t> read_scopes(const Json& list) {
  std::string text;
  for (const Json& scope : list.items()) {
    if (!scope.is_string()) {
      return invalid("scopes: expected strings");
    }
    text += (text.empty() ? "" : ",") + scope.text();
  }
  if (!list.is_array() || text.empty()) {
    return invalid("scopes: expected a list of at least one of write, read, sql, feed, admin");
  }
  return parse_scopes(text);
}

Result<NewKey> read_new_key(std::string_view body) {
  MR_ASSIGN(Json json, Json::parse(body));
  if (!json.is_object()) {
    return invalid("expected an object with name and scopes");
  }
  NewKey key;
  for (const auto& [member, value] : json.members()) {
    if (member == "name" && value.is_string() && !value.text().empty() && value.text().size() <= kNameBytesMax) {
      key.name = value.text();
    } else if (member == "scopes") {
      MR_ASSIGN(key.scopes, read_scopes(value));
    } else if (member == "expires" && value.is_null()) {
      key.expires = kNoTime;
    } else if (member == "expires" && value.is_string() && parse_rfc3339(value.text())) {
      key.expires = *parse_rfc3339(value.text());
    } else {
      return invalid("'" + member +
                     "' is unknown or has a wrong value; expected name (1 to 200 bytes), scopes (a list), expires (RFC "
                     "3339 or null)");
    }
  }
  if (key.name.empty() || key.scopes == 0) {
    return invalid("name and scopes are both needed");
  }
  return key;
}

}  // namespace

void KeysApi::list(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  JsonWriter json;
  json.begin_object().key("keys").begin_array();
  for (const KeyInfo& key : keys_.list()) {
    if (key.project == principal.project) {
      write_key(json, key);
    }
  }
  json.end_array().end_object();
  http::Response response;
  response.body = json.take();
  exchange->reply(std::move(response));
}

http::Response KeysApi::create_from(const Principal& principal, std::string_view body) const {
  Result<NewKey> wanted = read_new_key(body);
  if (!wanted.ok()) {
    return http::problem(400, "invalid-request", "Not a key that can be made", wanted.error().message);
  }
  Result<KeyStore::Created> made = keys_.create(wanted->name, principal.project, wanted->scopes, wanted->expires);
  if (!made.ok()) {
    return http::problem(503, "unavailable", "The key could not be kept", made.error().message);
  }
  JsonWriter json;
  json.begin_object().key("key");
  write_key(json, made->info);
  json.key("secret").string(made->secret).end_object();
  http::Response response;
  response.status = 201;
  response.body = json.take();
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

void KeysApi::create(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  http::Exchange::read_body(std::move(exchange), kBodyBytesMax,
                            [this, principal](std::unique_ptr<http::Exchange> whole, std::string_view body) {
                              whole->reply(create_from(principal, body));
                            });
}

void KeysApi::revoke(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  std::string id = exchange->head().path.substr(sizeof("/v1/keys/") - 1);
  for (const KeyInfo& key : keys_.list()) {
    if (key.id != id || key.project != principal.project) {
      continue;
    }
    if (Result<void> done = keys_.revoke(id); !done.ok()) {
      return exchange->reply(http::problem(503, "unavailable", "The key could not be revoked", done.error().message));
    }
    http::Response response;
    response.status = 204;
    response.content_type.clear();
    return exchange->reply(std::move(response));
  }
  exchange->reply(http::problem(404, "not-found", "No such key", "'millrace keys list' shows the ids."));
}

}  // namespace millrace
