#include "cmd/connection.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace millrace::cmd {

void Connection::add_to(CLI::App& command) {
  command.add_option("--url", url, "Address of the server")->envname("MILLRACE_URL")->capture_default_str();
  command.add_option("--key", key, "API key; better kept in the environment")->envname("MILLRACE_KEY");
}

Result<std::unique_ptr<http::Client>> Connection::open() const { return http::Client::create(url); }

std::vector<std::pair<std::string, std::string>> Connection::headers() const {
  if (key.empty()) {
    return {};
  }
  return {{"Authorization", "Bearer " + key}};
}

std::string refusal(const http::ClientResponse& response) {
  Result<Json> json = Json::parse(response.body);
  const Json* title = json.ok() ? json->find("title") : nullptr;
  const Json* detail = json.ok() ? json->find("detail") : nullptr;
  if (title == nullptr) {
    return fmt::format("the server answered with status {}", response.status);
  }
  return fmt::format("{} ({}){}{}", title->text(), response.status, detail != nullptr ? ": " : "",
                     detail != nullptr ? detail->text() : "");
}

Result<Json> ask(const Connection& connection, const std::string& method, const std::string& target,
                 const std::string& body, std::int64_t timeout_ms) {
  MR_ASSIGN(std::unique_ptr<http::Client> client, connection.open());
  http::ClientRequest request;
  request.method = method;
  request.target = target;
  request.headers = connection.headers();
  std::string_view piece = body;
  if (!body.empty()) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = {&piece, 1};
  }
  MR_ASSIGN(http::ClientResponse response, client->send(request, timeout_ms));
  if (response.status >= 400) {
    return Error{response.status == 404 ? Code::kNotFound : Code::kInvalid, refusal(response)};
  }
  if (response.body.empty()) {
    return Json();
  }
  return Json::parse(response.body);
}

}  // namespace millrace::cmd
