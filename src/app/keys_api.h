#pragma once
// GET and POST /v1/keys, DELETE /v1/keys/{id}: for keys with the scope admin.

#include <memory>

#include "control/keys.h"
#include "http/server.h"

namespace millrace {

class KeysApi {
 public:
  explicit KeysApi(KeyStore& keys) : keys_(keys) {}
  void list(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void create(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void revoke(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;

 private:
  http::Response create_from(const Principal& principal, std::string_view body) const;
  KeyStore& keys_;
};

}  // namespace millrace
