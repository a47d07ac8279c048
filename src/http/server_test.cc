#include "http/server.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "http/server_fixture.h"

namespace millrace::http {
namespace {

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

TEST_F(ServerTest, ThousandsOfRequestsFromManyConnectionsAllGetTheirOwnAnswer) {
  start(echo);
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 8; ++sender) {
    senders.emplace_back([this, sender] {
      auto at = client();
      for (int i = 0; i < 500; ++i) {
        std::string body = std::to_string(sender) + ":" + std::to_string(i);
        ASSERT_EQ(send(*at, "POST", "/", body).body, "POST / " + body);
      }
    });
  }
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(metrics_.get(Metric::kHttpRequests), 4000);
}

TEST_F(ServerTest, HeadIsAnsweredWithoutABody) {
  start(echo);
  RawPeer peer = raw();
  peer.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
  std::string head = peer.read_until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 8\r\n"), std::string::npos) << head;
  peer.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(peer.read_answer().starts_with("HTTP/1.1 200 OK\r\n")) << "nothing of the first body lies between";
}

TEST_F(ServerTest, AnswerWithoutContentHasNoLength) {
  start([](std::unique_ptr<Exchange> exchange) {
    Response response;
    response.status = 204;
    exchange->reply(std::move(response));
  });
  RawPeer peer = raw();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST_F(ServerTest, Http10GetsItsAnswerAndTheEnd) {
  start(echo);
  RawPeer peer = raw();
  peer.send("POST /old HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi");
  std::string all = peer.read_to_end();
  EXPECT_TRUE(all.ends_with("POST /old hi")) << all;
  EXPECT_NE(all.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(ServerTest, ConnectionCloseIsHonoured) {
  start(echo);
  RawPeer peer = raw();
  peer.send("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n");
  std::string all = peer.read_to_end();
  EXPECT_TRUE(all.ends_with("GET /x ")) << "what is behind it is not looked at: " << all;
}

TEST_F(ServerTest, HalfClosedClientGetsItsAnswer) {
  start(echo);
  std::string all = ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nlast");
  EXPECT_TRUE(all.ends_with("POST / last")) << all;
}

TEST_F(ServerTest, ExpectedContinueIsSentBeforeTheBodyIsRead) {
  start(echo);
  RawPeer peer = raw();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("body");
  EXPECT_TRUE(peer.read_answer().ends_with("POST / body"));
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("4\r\nmore\r\n0\r\n\r\n");
  EXPECT_TRUE(peer.read_answer().ends_with("POST / more"));
}

TEST_F(ServerTest, RefusalBeforeTheBodySparesTheClientFromSendingIt) {
  start([](std::unique_ptr<Exchange> exchange) {
    exchange->reply(problem(401, "no-key", "Unauthorized", "Send a key."));
  });
  RawPeer peer = raw();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  std::string all = peer.read_to_end();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 401 Unauthorized\r\n")) << all;
  EXPECT_NE(all.find("Connection: close\r\n"), std::string::npos);
}

TEST_F(ServerTest, SmallUnreadBodyIsSkippedAndTheConnectionLivesOn) {
  start(
      [](std::unique_ptr<Exchange> exchange) { exchange->reply(problem(429, "busy", "Too Many Requests", "Wait.")); });
  RawPeer peer = raw();
  for (int i = 0; i < 3; ++i) {
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
    EXPECT_TRUE(peer.read_answer().starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
    peer.send(std::string(2000, 'x'));
    peer.send(std::string(3000, 'x'));
  }
}

TEST_F(ServerTest, BodyOfARefusedRequestIsPassedOverInWhateverPiecesItComes) {
  start([](std::unique_ptr<Exchange> exchange) {
    exchange->head().path == "/refuse" ? exchange->reply(text("no")) : echo(std::move(exchange));
  });
  std::string refused = "POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n" + std::string(40'000, 'x');
  const std::string good = "POST /good HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  for (std::size_t cut : {std::size_t{60}, std::size_t{5'000}, std::size_t{39'999}, refused.size()}) {
    RawPeer peer = raw();
    peer.send(refused.substr(0, cut));
    EXPECT_NE(peer.read_answer().find("\r\n\r\nno"), std::string::npos) << "the answer doesn't wait for the body";
    peer.send(refused.substr(cut) + good + refused);
    EXPECT_NE(peer.read_answer().find("POST /good abc"), std::string::npos) << cut;
    EXPECT_NE(peer.read_answer().find("\r\n\r\nno"), std::string::npos);
    peer.send(good);
    EXPECT_NE(peer.read_answer().find("POST /good abc"), std::string::npos);
  }
}

TEST_F(ServerTest, RefusedLargeBodyIsDrainedSoThatTheAnswerIsSeen) {
  start(
      [](std::unique_ptr<Exchange> exchange) { exchange->reply(problem(429, "busy", "Too Many Requests", "Wait.")); });
  RawPeer peer = raw();
  std::thread sender(
      [&] { peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + std::string(500000, 'x')); });
  sender.join();
  EXPECT_TRUE(peer.read_to_end().starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_FALSE(peer.was_reset());
}

TEST_F(ServerTest, LineBreaksInHeadersOfAnAnswerCanNotBeginAnother) {
  start([](std::unique_ptr<Exchange> exchange) {
    Response response = text("x");
    response.headers = {{"X-Echo", "a\r\nSet-Cookie: b"}};
    exchange->reply(std::move(response));
  });
  EXPECT_EQ(send(*client(), "GET", "/").header("x-echo"), "a  Set-Cookie: b");
}

TEST_F(ServerTest, BodyHasReadableBytesBehindIt) {
  start([](std::unique_ptr<Exchange> exchange) {
    Exchange::read_body(std::move(exchange), 1 << 20, [](std::unique_ptr<Exchange> at, std::string_view body) {
      volatile char sum = 0;
      for (std::size_t i = 0; i < kBodyPaddingBytes; ++i) sum = static_cast<char>(sum + body.data()[body.size() + i]);
      at->reply(text(std::to_string(body.size())));
    });
  });
  auto at = client();
  for (std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{65536}, std::size_t{262144}}) {
    EXPECT_EQ(send(*at, "POST", "/", std::string(size, 'x')).body, std::to_string(size));
  }
  RawPeer peer = raw();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
  EXPECT_TRUE(peer.read_answer().ends_with("\r\n16"));
}

TEST_F(ServerTest, StopLetsTheRequestUnderWayEndAndTakesNoNewOnes) {
  std::unique_ptr<Exchange> held;
  std::mutex mutex;
  std::condition_variable changed;
  start([&](std::unique_ptr<Exchange> exchange) {
    std::lock_guard lock(mutex);
    held = std::move(exchange);
    changed.notify_all();
  });
  RawPeer idle = raw();
  RawPeer busy = raw();
  busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return held != nullptr; });
  }
  std::thread stopper([&] { server_->stop(kTimeoutMs); });
  EXPECT_EQ(idle.read_to_end(), "") << "idle connections end at once";
  held->reply(text("done"));
  std::string answer = busy.read_to_end();
  busy.close();
  EXPECT_TRUE(answer.ends_with("done")) << answer;
  EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
  stopper.join();
  EXPECT_FALSE(Client::create("http://" + server_->address()).value()->send({}, kTimeoutMs).ok());
}

TEST_F(ServerTest, ExchangesMayOutliveTheServer) {
  std::unique_ptr<Exchange> held;
  std::mutex mutex;
  std::condition_variable changed;
  start([&](std::unique_ptr<Exchange> exchange) {
    std::lock_guard lock(mutex);
    held = std::move(exchange);
    changed.notify_all();
  });
  RawPeer peer = raw();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return held != nullptr; });
  }
  server_.reset();
  EXPECT_TRUE(held->abandoned());
  held->reply(text("too late"));
  held.reset();
  EXPECT_EQ(peer.read_to_end(), "");
}

}  // namespace
}  // namespace millrace::http
