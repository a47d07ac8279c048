#pragma once
// A server on a free port, with the means to talk to it. For the tests of this folder.

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/client.h"
#include "http/server.h"
#include "http/test_peer.h"

namespace millrace::http {

inline constexpr std::int64_t kTimeoutMs = 10'000;

inline Response text(std::string body) {
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

// Answers with what it got: "METHOD path body".
inline void echo(std::unique_ptr<Exchange> exchange) {
  Exchange::read_body(std::move(exchange), 1 << 20, [](std::unique_ptr<Exchange> at, std::string_view body) {
    std::string answer = at->head().method + " " + at->head().path + " " + std::string(body);
    at->reply(text(std::move(answer)));
  });
}

class ServerTest : public ::testing::Test {
 protected:
  void start(Handler handler, const std::string& listen = "127.0.0.1:0", unsigned threads = 2) {
    auto server = Server::start(listen, threads, limits_, {}, metrics_, std::move(handler));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
  }
  std::unique_ptr<Client> client() {
    std::string address = server_->address();
    auto made = Client::create(address.compare(0, 5, "unix:") == 0 ? address : "http://" + address);
    EXPECT_TRUE(made.ok());
    return std::move(*made);
  }
  RawPeer raw() { return RawPeer::connect(server_->address()); }

  ClientResponse send(Client& client, std::string method, std::string target, std::string_view body = {}) {
    ClientRequest request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.body = {&body, 1};
    auto response = client.send(request, kTimeoutMs);
    EXPECT_TRUE(response.ok()) << response.error().message;
    return response.ok() ? *response : ClientResponse();
  }

  // A single request on a connection of its own; everything that comes back.
  std::string ask(std::string_view request) {
    RawPeer peer = raw();
    peer.send(request);
    peer.shut_write();
    return peer.read_to_end();
  }

  Metrics metrics_;
  Limits limits_;
  std::unique_ptr<Server> server_;
};

}  // namespace millrace::http
