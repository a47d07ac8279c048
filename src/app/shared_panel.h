#pragma once
// GET /v1/shared/{token}/{panel}: what one panel of a shared dashboard asks, asked now.

#include <memory>

#include "control/dashboards.h"
#include "control/keys.h"
#include "http/server.h"
#include "query/query_api.h"

namespace millrace {

class SharedPanels {
 public:
  SharedPanels(Dashboards& dashboards, QueryApi& query) : dashboards_(dashboards), query_(query) {}
  // Needs no key: the token in the path is one, for the panel's own question.
  void answer(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;

 private:
  Dashboards& dashboards_;
  QueryApi& query_;
};

}  // namespace millrace
