#include "http/server.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "http/client.h"
#include "http/test_peer.h"

namespace millrace::http {
namespace {

constexpr std::int64_t kTimeoutMs = 10'000;

Response text(std::string body) {
  Response response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

// Answers with what it got: "METHOD path body".
void echo(std::unique_ptr<Exchange> exchange) {
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

TEST_F(ServerTest, PostedBodyReachesTheHandlerAndItsAnswerComesBack) {
  start(echo);
  auto at = client();
  EXPECT_EQ(send(*at, "POST", "/v1/events?x=1", "hello").body, "POST /v1/events hello");
  EXPECT_EQ(send(*at, "GET", "/a%20b").body, "GET /a b ");
  EXPECT_EQ(metrics_.get(Metric::kHttpConnections), 1) << "the connection is kept";
  EXPECT_EQ(metrics_.get(Metric::kHttpRequests), 2);
}

TEST_F(ServerTest, UnixSocketServesAndIsPrivate) {
  TempFolder folder;
  start(echo, "unix:" + folder.file("sock"));
  auto at = client();
  EXPECT_EQ(send(*at, "POST", "/x", "over unix").body, "POST /x over unix");
  auto mode = std::filesystem::status(folder.file("sock")).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(ServerTest, LargeBodyAndAnswerGoThroughWhole) {
  start(echo);
  std::string body(1 << 20, 'x');
  for (std::size_t i = 0; i < body.size(); i += 7) body[i] = static_cast<char>('a' + i % 26);
  auto at = client();
  EXPECT_EQ(send(*at, "POST", "/", body).body, "POST / " + body);
  EXPECT_EQ(send(*at, "POST", "/", "small").body, "POST / small");
}

TEST_F(ServerTest, ReplyFromAnotherThreadIsSent) {
  std::thread worker;
  start([&](std::unique_ptr<Exchange> exchange) {
    worker = std::thread([exchange = std::move(exchange)] { exchange->reply(text("from afar")); });
  });
  auto at = client();
  EXPECT_EQ(send(*at, "GET", "/").body, "from afar");
  worker.join();
}

TEST_F(ServerTest, DroppedExchangeIsAnsweredWith500) {
  start([](std::unique_ptr<Exchange>) {});
  auto at = client();
  ClientResponse response = send(*at, "GET", "/");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.header("content-type"), "application/problem+json");
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start(echo);
  std::string requests;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n!";
  }
  RawPeer peer = raw();
  std::thread sender([&] { peer.send(requests); });
  for (int i = 0; i < 2000; ++i) {
    std::string answer = peer.read_answer();
    ASSERT_TRUE(answer.ends_with("POST /" + std::to_string(i) + " !")) << answer;
  }
  sender.join();
}

}  // namespace
}  // namespace millrace::http
