#pragma once
// How the client commands reach a server: --url and --key, or MILLRACE_URL and MILLRACE_KEY.

#include <memory>
#include <string>

#include "base/json.h"
#include "http/client.h"

namespace CLI {
class App;
}

namespace millrace::cmd {

struct Connection {
  std::string url = "http://127.0.0.1:8080";
  std::string key;

  void add_to(CLI::App& command);
  Result<std::unique_ptr<http::Client>> open() const;
  std::vector<std::pair<std::string, std::string>> headers() const;  // Authorization
};

// One JSON request. An error status becomes an Error with the problem's title and detail.
Result<Json> ask(const Connection& connection, const std::string& method, const std::string& target,
                 const std::string& body = {}, std::int64_t timeout_ms = 60'000);

// What a refusal says, from its problem+json body, or its status alone.
std::string refusal(const http::ClientResponse& response);

}  // namespace millrace::cmd
