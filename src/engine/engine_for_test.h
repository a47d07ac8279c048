#pragma once
// A supervised engine in a folder of its own, for tests.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "engine/supervisor.h"
#include "http/client.h"
#include "io/test_folder.h"

namespace millrace::engine {

inline std::string libchdb_for_test() {
  if (const char* path = getenv("MILLRACE_LIBCHDB")) return path;
  const char* home = getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.cache/millrace/chdb-26.7.3-stable.1/libchdb.so";
}

inline std::string base64_for_test(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t j = i; j < i + 3; ++j)
      bits = bits << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0);
    for (int j = 0; j < 4; ++j) text += i + j > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
  }
  return text;
}

inline SupervisorOptions options_for_test(const std::string& folder) {
  SupervisorOptions options;
  options.program = {ENGINE_CHILD};
  options.data_folder = folder + "/engine";
  options.libchdb = libchdb_for_test();
  options.public_listen = "127.0.0.1:0";
  options.public_user = "tester";
  options.public_password = "a test's password";
  options.memory_bytes_max = 1ULL << 30;
  return options;
}

using Headers = std::vector<std::pair<std::string, std::string>>;

// Asks one of the two ports, on a connection of its own each time.
class Asker {
 public:
  Asker(std::string url, const std::string& user, const std::string& password)
      : url_(std::move(url)), authorization_("Basic " + base64_for_test(user + ":" + password)) {}

  http::ClientResponse send(http::ClientRequest request, const std::string& body, bool authorized = true) {
    auto client = http::Client::create(url_);
    if (!client) return failed(client.error());
    if (authorized) request.headers.emplace_back("Authorization", authorization_);
    std::string_view piece = body;
    if (request.method == "POST") request.body = {&piece, 1};
    auto response = (*client)->send(request, 60'000);
    return response ? std::move(*response) : failed(response.error());
  }
  http::ClientResponse post(const std::string& body, const std::string& parameters = "", Headers headers = {}) {
    return send({"POST", "/?" + parameters, std::move(headers), {}}, body);
  }
  http::ClientResponse get(const std::string& sql, const std::string& parameters = "") {
    return send({"GET", "/?query=" + http::percent_encode(sql) + parameters, {}, {}}, "");
  }
  // The answer's text without the line end; the whole answer with its status when it isn't 200.
  std::string ask(const std::string& sql, const std::string& parameters = "") {
    http::ClientResponse response = post(sql, parameters);
    std::string text = response.body;
    if (text.ends_with('\n')) text.pop_back();
    return response.status == 200 ? text : std::to_string(response.status) + " " + text;
  }

 private:
  static http::ClientResponse failed(const Error& error) {
    http::ClientResponse response;
    response.body = error.message;
    return response;
  }
  std::string url_, authorization_;
};

struct RunningEngine {
  explicit RunningEngine(SupervisorOptions options) {
    auto started = Supervisor::start(std::move(options), metrics);
    if (!started) {
      ADD_FAILURE() << started.error().message;
      return;
    }
    supervisor = std::move(*started);
  }
  Asker internal() const { return {"unix:" + supervisor->socket_path(), supervisor->user(), supervisor->secret()}; }
  Asker open() const { return {"http://" + supervisor->public_address(), "tester", "a test's password"}; }

  Metrics metrics;
  std::unique_ptr<Supervisor> supervisor;
};

}  // namespace millrace::engine
