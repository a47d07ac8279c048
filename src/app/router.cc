#include "app/router.h"

#include <algorithm>

#include <fmt/format.h>

#include "app/cookie.h"
#include "ingest/ingest_api.h"
#include "model/project.h"

namespace millrace {
namespace {

std::string_view take_part(std::string_view& path) {
  std::string_view part = path.substr(0, path.find('/'));
  path.remove_prefix(std::min(part.size() + 1, path.size()));
  return part;
}

bool matches(std::string_view pattern, std::string_view path) {
  if (pattern.find('*') == std::string_view::npos) {
    return pattern == path;
  }
  if (std::count(pattern.begin(), pattern.end(), '/') != std::count(path.begin(), path.end(), '/')) {
    return false;
  }
  while (!pattern.empty()) {
    std::string_view wanted = take_part(pattern);
    std::string_view part = take_part(path);
    if (wanted == "*" ? part.empty() : wanted != part) {
      return false;
    }
  }
  return true;
}

http::Response unauthorized(std::string_view detail) {
  http::Response response = http::problem(401, "unauthorized", "No valid key", detail);
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"millrace\"");
  return response;
}

// The session's token; a key goes before it.
std::string cookie_of(const http::Head& head) {
  return head.header("authorization").empty() ? session_token(head) : std::string();
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

Router::Router(Doors doors, std::vector<Route> routes) : doors_(doors), routes_(std::move(routes)) {}

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

// Errors here: kInvalid is answered 401, kNotFound 403.
Result<Principal> Router::admit_by_key(const Route& route, const http::Head& head) const {
  KeyInUrl in_url = KeyInUrl::kNo;
  std::string secret = secret_of(head, in_url);
  if (secret.empty()) {
    return invalid("Send a key as 'Authorization: Bearer KEY'; 'millrace keys create' makes one.");
  }
  std::optional<Principal> found = doors_.keys.check(secret);
  if (!found) {
    return invalid("This key is unknown, revoked or expired; 'millrace keys list' shows the good ones.");
  }
  if (in_url == KeyInUrl::kYes && (route.scopes & kScopeWrite) == 0) {
    return invalid("A key in the URL is for sending events only; send it as 'Authorization: Bearer KEY'.");
  }
  if (in_url == KeyInUrl::kYes && found->scopes != kScopeWrite) {
    return invalid("Only a key with no other scope than write may stand in a URL.");
  }
  return *std::move(found);
}

// A page of another origin can make a browser send the cookie, but not this header.
Result<Principal> Router::admit_by_session(const http::Head& head, const std::string& token) const {
  std::optional<Principal> found = doors_.sessions.check(token);
  if (!found) {
    return invalid("The session has ended; log in again.");
  }
  if (head.method != "GET" && head.method != "HEAD" && head.header("x-millrace") != "1") {
    return not_found("A request by cookie that is not GET or HEAD needs the header 'X-Millrace: 1'.");
  }
  found->scopes &= kScopeRead;
  return *std::move(found);
}

Result<Principal> Router::admit_by_link(const http::Head& head, const std::string& token) const {
  std::optional<Dashboard> dashboard = doors_.dashboards.shared(token);
  if (!dashboard) {
    return invalid("This link was withdrawn, or never made.");
  }
  for (const auto& [name, value] : head.query) {
    bool known = name != "topic" || std::any_of(dashboard->panels.begin(), dashboard->panels.end(),
                                                [&](const Panel& panel) { return panel.topic == value; });
    if (!known) {
      return not_found("The dashboard behind this link has no such topic.");
    }
  }
  return Principal{dashboard->project, kScopeRead, "share"};
}

Result<Principal> Router::identify(const Route& route, const http::Head& head) const {
  if (const std::string* link = route.shared ? head.parameter("share") : nullptr) {
    return admit_by_link(head, *link);
  }
  std::string session = cookie_of(head);
  return !session.empty() ? admit_by_session(head, session) : admit_by_key(route, head);
}

std::string Router::refusal(const Route& route, const Principal& principal) {
  std::string needed = format_scopes(route.scopes);
  std::string least = needed.substr(0, needed.find(','));
  if ((principal.scopes & route.scopes) == 0) {
    return fmt::format(
        "It has the scopes {}; this needs {}. 'millrace keys create --name NAME --scopes {}', with a key of the scope "
        "admin, makes one.",
        format_scopes(principal.scopes), needed == least ? needed : "one of " + needed, least);
  }
  if (route.whole && principal.project != kOwnProject) {
    return fmt::format(
        "This tells of all projects, and the key is one of the project {}; take a key of the project {} with the scope "
        "{}.",
        principal.project, kOwnProject, least);
  }
  return {};
}

bool Router::admits(const http::Head& head) const {
  std::string allowed;
  const Route* route = find(head, allowed);
  if (route == nullptr) {
    return false;
  }
  Result<Principal> found = identify(*route, head);
  return found.ok() && refusal(*route, *found).empty();
}

bool Router::admit(const Route& route, std::unique_ptr<http::Exchange>& exchange, Principal& principal) const {
  const http::Head& head = exchange->head();
  Result<Principal> found = identify(route, head);
  if (!found.ok()) {
    exchange->reply(found.error().code == Code::kInvalid
                        ? unauthorized(found.error().message)
                        : http::problem(403, "forbidden", "This may not be asked", found.error().message));
    return false;
  }
  if (std::string why = refusal(route, *found); !why.empty()) {
    exchange->reply(http::problem(403, "forbidden", "This key may not do that",
                                  (cookie_of(head).empty() ? "" : "A session can do less than its key. ") + why));
    return false;
  }
  principal = *std::move(found);
  return true;
}

void Router::handle(std::unique_ptr<http::Exchange> exchange) const {
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
