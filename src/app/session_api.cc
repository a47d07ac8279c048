#include "app/session_api.h"

#include "app/cookie.h"
#include "base/json.h"

namespace millrace {
namespace {

constexpr std::size_t kBodyBytesMax = 4 << 10;

http::Response no_content(std::string cookie) {
  http::Response response;
  response.status = 204;
  response.content_type.clear();
  response.headers.emplace_back("Set-Cookie", std::move(cookie));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace

http::Response SessionApi::open_with(std::string_view body) const {
  Result<Json> json = Json::parse(body);
  const Json* key = json.ok() ? json->find("key") : nullptr;
  if (key == nullptr || !key->is_string() || json->members().size() != 1) {
    return http::problem(400, "invalid-request", "Not a log-in", "Expected {\"key\": \"…\"} and nothing else.");
  }
  std::optional<Principal> found = keys_.check(key->text());
  if (!found) {
    http::Response response = http::problem(401, "unauthorized", "No valid key",
                                            "This key is unknown, revoked or expired; 'millrace keys list' shows the "
                                            "good ones.");
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"millrace\"");
    return response;
  }
  if ((found->scopes & kScopeRead) == 0) {
    return http::problem(403, "forbidden", "This key may not read",
                         "It has the scopes " + format_scopes(found->scopes) + "; logging in needs a key with read.");
  }
  Result<std::string> token = sessions_.open(found->key_id);
  if (!token.ok()) {
    return http::problem(503, "unavailable", "The session could not be kept", token.error().message);
  }
  return no_content(session_cookie(*token, sessions_.age_s(), secure_));
}

void SessionApi::open(const Principal&, std::unique_ptr<http::Exchange> exchange) const {
  http::Exchange::read_body(
      std::move(exchange), kBodyBytesMax,
      [this](std::unique_ptr<http::Exchange> whole, std::string_view body) { whole->reply(open_with(body)); });
}

void SessionApi::show(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const {
  JsonWriter json;
  json.begin_object().key("scopes").begin_array();
  std::string scopes = format_scopes(principal.scopes);
  for (std::string_view rest = scopes; !rest.empty();) {
    std::string_view scope = rest.substr(0, rest.find(','));
    json.string(scope);
    rest.remove_prefix(std::min(scope.size() + 1, rest.size()));
  }
  json.end_array().key("project").string(principal.project).end_object();
  http::Response response;
  response.body = json.take();
  response.headers.emplace_back("Cache-Control", "no-store");
  exchange->reply(std::move(response));
}

void SessionApi::close(const Principal&, std::unique_ptr<http::Exchange> exchange) const {
  std::string token = session_token(exchange->head());
  if (!token.empty()) {
    if (Result<void> closed = sessions_.close(token); !closed.ok()) {
      return exchange->reply(
          http::problem(503, "unavailable", "The session could not be ended for good", closed.error().message));
    }
  }
  exchange->reply(no_content(session_cookie({}, 0, secure_)));
}

}  // namespace millrace
