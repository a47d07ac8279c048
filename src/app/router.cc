#include "app/router.h"

#include <fmt/format.h>

#include "ingest/ingest_api.h"

namespace millrace {
namespace {

bool matches(const std::string& pattern, const std::string& path) {
  if (!pattern.ends_with("/*")) {
    return pattern == path;
  }
  std::string_view prefix = std::string_view(pattern).substr(0, pattern.size() - 1);
  return path.starts_with(prefix) && path.size() > prefix.size() && path.find('/', prefix.size()) == std::string::npos;
}

http::Response unauthorized(std::string_view detail) {
  http::Response response = http::problem(401, "unauthorized", "No valid key", detail);
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"millrace\"");
  return response;
}

// Lets pages of any origin read the answer; credentials stay out, so a cookie can never be used this way.
http::Response preflight() {
  http::Response response;
  response.status = 204;
  response.content_type.clear();
  response.headers = {
      {"Access-Control-Allow-Origin", "*"},
      {"Access-Control-Allow-Methods", "POST"},
      {"Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding, Idempotency-Key"},
      {"Access-Control-Max-Age", "86400"}};
  return response;
}

}  // namespace

Router::Router(KeyStore& keys, Metrics& metrics, std::vector<Route> routes)
    : keys_(keys), metrics_(metrics), routes_(std::move(routes)) {}

const Route* Router::find(const http::Head& head, std::string& allowed) const {
  const std::string& method = head.method == "HEAD" ? "GET" : head.method;
  for (const Route& route : routes_) {
    if (matches(route.path, head.path)) {
      if (route.method == method) {
        return &route;
      }
      allowed += (allowed.empty() ? "" : ", ") + route.method;
    }
  }
  return nullptr;
}

bool Router::admit(const Route& route, std::unique_ptr<http::Exchange>& exchange, Principal& principal) const {
  KeyInUrl in_url = KeyInUrl::kNo;
  std::string secret = secret_of(exchange->head(), in_url);
  std::optional<Principal> found = secret.empty() ? std::nullopt : keys_.check(secret);
  if (!found) {
    exchange->reply(unauthorized(
        secret.empty() ? "Send a key as 'Authorization: Bearer KEY'; 'millrace keys create' makes one."
                       : "This key is unknown, revoked or expired; 'millrace keys list' shows the good ones."));
    return false;
  }
  if (in_url == KeyInUrl::kYes && (route.scopes & kScopeWrite) == 0) {
    exchange->reply(
        unauthorized("A key in the URL is for sending events only; send it as 'Authorization: Bearer KEY'."));
    return false;
  }
  if (in_url == KeyInUrl::kYes && found->scopes != kScopeWrite) {
    exchange->reply(unauthorized("Only a key with no other scope than write may stand in a URL."));
    return false;
  }
  if ((found->scopes & route.scopes) == 0) {
    exchange->reply(http::problem(403, "forbidden", "This key may not do that",
                                  fmt::format("The key has the scopes {}; this needs {}.", format_scopes(found->scopes),
                                              format_scopes(route.scopes))));
    return false;
  }
  principal = std::move(*found);
  return true;
}

void Router::handle(std::unique_ptr<http::Exchange> exchange) const {
  metrics_.add(Metric::kHttpRequests);
  std::string allowed;
  const Route* route = find(exchange->head(), allowed);
  if (route == nullptr) {
    if (exchange->head().method == "OPTIONS" && exchange->head().path == "/v1/events") {
      return exchange->reply(preflight());
    }
    if (allowed.empty()) {
      return exchange->reply(
          http::problem(404, "not-found", "No such resource", "See GET /v1/openapi.json for what there is."));
    }
    http::Response response =
        http::problem(405, "method-not-allowed", "This resource has no such method", "It has: " + allowed + ".");
    response.headers.emplace_back("Allow", allowed);
    return exchange->reply(std::move(response));
  }
  Principal principal;
  if (route->scopes == 0 || admit(*route, exchange, principal)) {
    route->handler(principal, std::move(exchange));
  }
}

}  // namespace millrace
