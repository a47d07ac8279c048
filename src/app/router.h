#pragma once
// The routes of the HTTP interface: which path and method needs which scope and goes to which handler. Everything else
// is answered here: 404, 405, 401, 403, CORS.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/dashboards.h"
#include "control/keys.h"
#include "control/sessions.h"
#include "http/server.h"

namespace millrace {

using PrincipalHandler = std::function<void(const Principal&, std::unique_ptr<http::Exchange>)>;

struct Route {
  std::string method;
  std::string path;         // a part of "*" takes any one part of the path, e.g. "/v1/keys/*"
  std::uint8_t scopes = 0;  // one of these; 0: open to everyone
  PrincipalHandler handler;
  // With ?share=TOKEN a shared dashboard's link is enough if each parameter `topic` is one of its panels'.
  bool shared = false;
  bool whole = false;  // tells of all projects: for keys of the server's own (kOwnProject)
};

// Who may come in: by key, by a session's cookie (to read, and to change dashboards), by a shared dashboard's link.
struct Doors {
  KeyStore& keys;
  Sessions& sessions;
  Dashboards& dashboards;
};

class Router {
 public:
  Router(Doors doors, std::vector<Route> routes);
  void handle(std::unique_ptr<http::Exchange> exchange) const;
  // Whether a request with this head, which was let in before, would be let in now.
  bool admits(const http::Head& head) const;

 private:
  const Route* find(const http::Head& head, std::string& allowed) const;
  // Who asks. kInvalid: nobody that is known; kNotFound: not this way.
  Result<Principal> identify(const Route& route, const http::Head& head) const;
  // Why these may not do that; empty when they may.
  static std::string refusal(const Route& route, const Principal& principal);
  // The same; false after the refusal was sent.
  bool admit(const Route& route, std::unique_ptr<http::Exchange>& exchange, Principal& principal) const;
  Result<Principal> admit_by_key(const Route& route, const http::Head& head) const;
  Result<Principal> admit_by_session(const http::Head& head, const std::string& token) const;
  Result<Principal> admit_by_link(const http::Head& head, const std::string& token) const;

  Doors doors_;
  std::vector<Route> routes_;
};

}  // namespace millrace
