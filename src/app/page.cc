#include "app/page.h"

#include <fmt/format.h>

#include "app/page_assets.h"

namespace millrace {
namespace {

// Places of the page, which all get the same document: the page itself looks at its address. "*" is one part.
constexpr std::string_view kPlaces[] = {"/", "/explore", "/health", "/dashboards", "/dashboards/*", "/d/*"};

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// Whether a list such as "gzip;q=1, br" takes gzip: it is named, or "*", and not with a weight of zero.
bool takes_gzip(std::string_view list) {
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(item.size() + 1, list.size()));
    std::string_view name = item.substr(0, item.find(';'));
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    name = name.substr(0, name.find_last_not_of(' ') + 1);
    std::size_t weight = item.find("q=");
    bool refused =
        weight != std::string_view::npos && item.substr(weight + 2).find_first_not_of("0. ") == std::string_view::npos;
    if ((name == "gzip" || name == "*") && !refused) {
      return true;
    }
  }
  return false;
}

// RFC 9110 section 13.1.2: a list of tags, or "*". Weak comparison.
bool names_tag(std::string_view list, std::string_view tag) {
  return list == "*" || list.find(tag) != std::string_view::npos;
}

void send(const PageAsset& asset, std::unique_ptr<http::Exchange> exchange) {
  bool gzip = !asset.gzip.empty() && takes_gzip(exchange->head().header("accept-encoding"));
  std::string tag = fmt::format("\"{}\"", gzip ? asset.gzip_hash : asset.plain_hash);
  http::Response response;
  add_page_headers(response);
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  // A name with the content's hash in it never means anything else.
  bool for_ever = asset.path.starts_with("/assets/");
  response.headers.emplace_back("Cache-Control", for_ever ? "public, max-age=31536000, immutable" : "no-cache");
  if (names_tag(exchange->head().header("if-none-match"), tag)) {
    response.status = 304;
    response.content_type.clear();
    return exchange->reply(std::move(response));
  }
  response.content_type = asset.content_type;
  if (gzip) {
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
  response.body = gzip ? asset.gzip : asset.plain;
  exchange->reply(std::move(response));
}

Route route_to(std::string_view path, const PageAsset& asset) {
  return {"GET", std::string(path), 0,
          [&asset](const Principal&, std::unique_ptr<http::Exchange> exchange) { send(asset, std::move(exchange)); }};
}

}  // namespace

void add_page_headers(http::Response& response) {
  response.headers.emplace_back("Content-Security-Policy", kPolicy);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("X-Frame-Options", "DENY");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

std::vector<Route> page_routes() {
  std::vector<Route> routes;
  for (const PageAsset& asset : page_assets()) {
    if (asset.path != "/") {
      routes.push_back(route_to(asset.path, asset));
      continue;
    }
    for (std::string_view place : kPlaces) {
      routes.push_back(route_to(place, asset));
    }
  }
  return routes;
}

}  // namespace millrace
