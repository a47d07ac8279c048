#pragma once
// POST, GET and DELETE /v1/session: a person logs in with a key and gets a cookie that stands for it.

#include <memory>

#include "control/keys.h"
#include "control/sessions.h"
#include "http/server.h"

namespace millrace {

class SessionApi {
 public:
  // `secure`: the cookie is for TLS alone.
  SessionApi(KeyStore& keys, Sessions& sessions, bool secure) : keys_(keys), sessions_(sessions), secure_(secure) {}
  void open(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void show(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;
  void close(const Principal& principal, std::unique_ptr<http::Exchange> exchange) const;

 private:
  http::Response open_with(std::string_view body) const;

  KeyStore& keys_;
  Sessions& sessions_;
  const bool secure_;
};

}  // namespace millrace
