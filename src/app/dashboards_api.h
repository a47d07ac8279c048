#pragma once
// GET /v1/dashboards, GET, PUT and DELETE /v1/dashboards/{id}, POST and DELETE /v1/dashboards/{id}/share,
// GET /v1/shared/{token}.

#include <memory>

#include "control/dashboards.h"
#include "control/keys.h"
#include "http/server.h"

namespace millrace {

class DashboardsApi {
 public:
  explicit DashboardsApi(Dashboards& dashboards) : dashboards_(dashboards) {}
  void list(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void show(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void save(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void remove(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void share(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void unshare(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  // Needs no key: the token in the path is one.
  void show_shared(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;

 private:
  http::Response save_as(const Principal& principal, const std::string& id, std::string_view body) const;

  Dashboards& dashboards_;
};

}  // namespace millrace
