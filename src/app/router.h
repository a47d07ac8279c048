#pragma once
// The routes of the HTTP interface: which path and method needs which scope and goes to which handler. Everything else
// is answered here: 404, 405, 401, 403, CORS.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "control/keys.h"
#include "http/server.h"

namespace millrace {

using PrincipalHandler = std::function<void(const Principal&, std::unique_ptr<http::Exchange>)>;

struct Route {
  std::string method;
  std::string path;         // a last part of "*" takes one more part of the path, e.g. "/v1/keys/*"
  std::uint8_t scopes = 0;  // one of these; 0: open to everyone
  PrincipalHandler handler;
};

class Router {
 public:
  Router(KeyStore& keys, Metrics& metrics, std::vector<Route> routes);
  void handle(std::unique_ptr<http::Exchange> exchange) const;

 private:
  const Route* find(const http::Head& head, std::string& allowed) const;
  // Who asks, or nothing after the refusal was sent.
  bool admit(const Route& route, std::unique_ptr<http::Exchange>& exchange, Principal& principal) const;

  KeyStore& keys_;
  Metrics& metrics_;
  std::vector<Route> routes_;
};

}  // namespace millrace
