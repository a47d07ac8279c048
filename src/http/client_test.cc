#include "http/client.h"

#include <thread>

#include <gtest/gtest.h>

#include "http/server_fixture.h"

namespace millrace::http {
namespace {

std::unique_ptr<Client> client_of(const std::string& address) {
  auto made = Client::create("http://" + address);
  EXPECT_TRUE(made.ok());
  return std::move(*made);
}

ClientRequest get(std::string target = "/") {
  ClientRequest request;
  request.target = std::move(target);
  return request;
}

struct Post {
  std::string_view body;
  ClientRequest request() const {
    ClientRequest post;
    post.method = "POST";
    post.body = {&body, 1};
    return post;
  }
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Serves one raw connection in a thread.
class Script {
 public:
  template <typename Body>
  explicit Script(Body body) : thread_([this, body] { body(listener_); }) {}
  ~Script() { thread_.join(); }
  std::string address() const { return listener_.address(); }

 private:
  RawListener listener_;
  std::thread thread_;
};

Code code_of(const Result<ClientResponse>& result) {
  EXPECT_FALSE(result.ok());
  return result.ok() ? Code::kNotFound : result.error().code;
}

TEST(ClientTest, RefusedConnectionIsUnavailable) {
  RawListener listener;
  std::string address = listener.address();
  listener.close();
  EXPECT_EQ(code_of(client_of(address)->send(Post{"x"}.request(), kTimeoutMs)), Code::kUnavailable);
  EXPECT_EQ(code_of(Client::create("unix:/nowhere/at.all").value()->send(get(), kTimeoutMs)), Code::kUnavailable);
}

TEST(ClientTest, ResetWithinTheAnswerIsUnknown) {
  Script script([](RawListener& listener) {
    RawPeer peer = listener.accept();
    peer.read_until("\r\n\r\nx");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.reset();
  });
  EXPECT_EQ(code_of(client_of(script.address())->send(Post{"x"}.request(), kTimeoutMs)), Code::kUnknown);
}

TEST(ClientTest, EndWithinTheAnswerIsUnknown) {
  for (std::string answer :
       {"", "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "gibberish\r\n\r\n"}) {
    Script script([&](RawListener& listener) {
      RawPeer peer = listener.accept();
      peer.read_until("\r\n\r\nx");
      peer.send(answer);
    });
    EXPECT_EQ(code_of(client_of(script.address())->send(Post{"x"}.request(), kTimeoutMs)), Code::kUnknown) << answer;
  }
}

TEST(ClientTest, TimeoutBoundsTheWholeCall) {
  Script script([](RawListener& listener) {
    RawPeer peer = listener.accept();
    peer.read_until("\r\n\r\nx");
    while (peer.send("x")) std::this_thread::yield();  // a never-ending line: progress is not enough
  });
  std::int64_t began = now_ms();
  EXPECT_EQ(code_of(client_of(script.address())->send(Post{"x"}.request(), 50)), Code::kUnknown);
  EXPECT_LT(now_ms() - began, 5'000);
}

TEST(ClientTest, TimeoutBeforeAConnectionIsUnavailable) {
  RawListener listener;
  EXPECT_EQ(code_of(client_of(listener.address())->send(get(), 0)), Code::kUnavailable);
}

TEST(ClientTest, PostOnAConnectionThatTheServerClosedGoesToANewOne) {
  Script script([](RawListener& listener) {
    for (int i = 0; i < 2; ++i) {
      RawPeer peer = listener.accept();
      peer.read_until("\r\n\r\nx");
      peer.send(kOk);
    }
  });
  auto at = client_of(script.address());
  ASSERT_TRUE(at->send(Post{"x"}.request(), kTimeoutMs).ok());
  // The end may still be on its way; then the outcome is unknown. Here it has come, since the peer was closed before
  // the second accept() was reached.
  auto second = at->send(Post{"x"}.request(), kTimeoutMs);
  if (!second.ok()) {
    EXPECT_EQ(second.error().code, Code::kUnknown);
    second = at->send(Post{"x"}.request(), kTimeoutMs);
  }
  EXPECT_EQ(second->body, "ok");
}

// The server reads a request on a kept connection and closes instead of answering it.
struct CloseOnSecond {
  void operator()(RawListener& listener) const {
    RawPeer peer = listener.accept();
    peer.read_until("\r\n\r\n");
    peer.send(kOk);
    peer.read_until("\r\n\r\n");
    peer.close();
    if (!again) return;
    RawPeer other = listener.accept();
    other.read_until("\r\n\r\n");
    other.send(kOk);
  }
  bool again;
};

TEST(ClientTest, GetThatAKeptConnectionSwallowedIsSentAgain) {
  Script script(CloseOnSecond{true});
  auto at = client_of(script.address());
  ASSERT_TRUE(at->send(get(), kTimeoutMs).ok());
  auto second = at->send(get(), kTimeoutMs);
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_EQ(second->body, "ok");
}

TEST(ClientTest, PostThatAKeptConnectionSwallowedIsUnknownAndNeverSentAgain) {
  Script script(CloseOnSecond{false});
  auto at = client_of(script.address());
  ASSERT_TRUE(at->send(get(), kTimeoutMs).ok());
  EXPECT_EQ(code_of(at->send(Post{"x"}.request(), kTimeoutMs)), Code::kUnknown);
}

TEST(ClientTest, CancelEndsACallUnderWay) {
  std::unique_ptr<Client> at;
  std::thread canceller;
  {
    Script script([&](RawListener& listener) {
      RawPeer peer = listener.accept();
      peer.read_until("\r\n\r\nx");
      at->cancel();
      EXPECT_EQ(peer.read_to_end(), "") << "the connection is closed";
    });
    at = client_of(script.address());
    EXPECT_EQ(code_of(at->send(Post{"x"}.request(), 60'000)), Code::kUnknown);
  }
}

TEST(ClientTest, EarlyAnswerEndsTheSending) {
  Script script([](RawListener& listener) {
    RawPeer peer = listener.accept();
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    peer.shut_write();
    peer.read_to_end();
  });
  std::string body(64 << 20, 'x');
  auto response = client_of(script.address())->send(Post{body}.request(), kTimeoutMs);
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, 413);
  EXPECT_EQ(response->body, "big");
}

TEST(ClientTest, AnswersAreReadInEveryFraming) {
  const std::vector<std::pair<std::string, std::string>> answers = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n", "hello"},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "hello"},
      {"HTTP/1.0 200 OK\r\n\r\nhello", "hello"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", "no"},
  };
  for (const auto& [answer, body] : answers) {
    Script script([text = answer](RawListener& listener) {
      RawPeer peer = listener.accept();
      peer.read_until("\r\n\r\n");
      peer.send(text);
    });
    auto response = client_of(script.address())->send(get(), kTimeoutMs);
    ASSERT_TRUE(response.ok()) << answer << response.error().message;
    EXPECT_EQ(response->body, body);
  }
}

TEST(ClientTest, RequestCarriesWhatTheUrlSays) {
  std::string seen;
  {
    Script script([&](RawListener& listener) {
      RawPeer peer = listener.accept();
      seen = peer.read_until("\r\n\r\nab");
      peer.send(kOk);
    });
    auto at = Client::create("http://us%20er:secret@" + script.address() + "/base/").value();
    ClientRequest request;
    request.method = "POST";
    request.target = "/t?x=1";
    request.headers = {{"X-Thing", "y"}};
    std::string_view pieces[] = {"a", "", "b"};
    request.body = pieces;
    ASSERT_TRUE(at->send(request, kTimeoutMs).ok());
    EXPECT_NE(seen.find("Host: " + script.address() + "\r\n"), std::string::npos);
  }
  EXPECT_TRUE(seen.starts_with("POST /base/t?x=1 HTTP/1.1\r\n")) << seen;
  EXPECT_NE(seen.find("Authorization: Basic dXMgZXI6c2VjcmV0\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("X-Thing: y\r\n"), std::string::npos) << seen;
  EXPECT_NE(seen.find("Content-Length: 2\r\n"), std::string::npos) << seen;
}

TEST(ClientTest, RequestsThatWouldBreakTheirFrameAreInvalid) {
  RawListener listener;
  auto at = client_of(listener.address());
  ClientRequest request = get("/a b");
  EXPECT_EQ(code_of(at->send(request, kTimeoutMs)), Code::kInvalid);
  request = get();
  request.headers = {{"X", "a\r\nY: b"}};
  EXPECT_EQ(code_of(at->send(request, kTimeoutMs)), Code::kInvalid);
  request = get();
  request.method = "GET /";
  EXPECT_EQ(code_of(at->send(request, kTimeoutMs)), Code::kInvalid);
}

TEST_F(ServerTest, StreamedAnswerComesInPiecesAndMayBeStopped) {
  start([](std::unique_ptr<Exchange> exchange) { exchange->reply(text(std::string(10 << 20, 'x'))); });
  auto at = client();
  std::size_t bytes = 0;
  auto whole = at->stream(get(), kTimeoutMs, [&](std::string_view piece) {
    bytes += piece.size();
    return true;
  });
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(bytes, 10U << 20);
  EXPECT_EQ(whole->body, "");
  int pieces = 0;
  auto stopped = at->stream(get(), kTimeoutMs, [&](std::string_view) { return ++pieces < 3; });
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(pieces, 3);
  EXPECT_EQ(at->send(get(), kTimeoutMs)->body.size(), 10U << 20) << "on a new connection";
}

TEST_F(ServerTest, BodyOfAnErrorIsKeptBesideTheStream) {
  start([](std::unique_ptr<Exchange> exchange) { exchange->reply(problem(404, "none", "Not Found", "No.")); });
  auto response = client()->stream(get(), kTimeoutMs, [](std::string_view) {
    ADD_FAILURE();
    return true;
  });
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 404);
  EXPECT_NE(response->body.find("\"No.\""), std::string::npos);
}

TEST_F(ServerTest, AnswerPastItsBoundIsUnknown) {
  start([](std::unique_ptr<Exchange> exchange) { exchange->reply(text(std::string(1000, 'x'))); });
  ClientRequest request = get();
  request.answer_bytes_max = 999;
  EXPECT_EQ(code_of(client()->send(request, kTimeoutMs)), Code::kUnknown);
  request.answer_bytes_max = 1000;
  EXPECT_TRUE(client()->send(request, kTimeoutMs).ok());
}

}  // namespace
}  // namespace millrace::http
