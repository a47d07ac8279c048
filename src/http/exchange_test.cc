// Bodies and answers in pieces, from threads that block.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "http/server_fixture.h"

namespace millrace::http {
namespace {

// Runs each exchange on a thread of its own, as the engine does.
class Workers {
 public:
  explicit Workers(Handler body) : body_(std::move(body)) {}
  ~Workers() { join(); }
  Handler handler() {
    return [this](std::unique_ptr<Exchange> exchange) {
      threads_.emplace_back([this, exchange = std::move(exchange)]() mutable { body_(std::move(exchange)); });
    };
  }
  // When the server has stopped, or all answers have come.
  void join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  Handler body_;
  std::deque<std::thread> threads_;  // only touched by the server's one thread, and behind its end
};

class ExchangeTest : public ServerTest {
 protected:
  void work(Handler body) {
    workers_ = std::make_unique<Workers>(std::move(body));
    start(workers_->handler(), "127.0.0.1:0", 1);
  }
  void TearDown() override {
    if (server_) server_->stop(0);
    workers_.reset();
  }
  std::unique_ptr<Workers> workers_;
};

// Sends back what comes, piece by piece.
void mirror(std::unique_ptr<Exchange> exchange) {
  std::string all;
  while (true) {
    auto piece = exchange->read();
    if (!piece.ok()) return;
    if (piece->empty()) break;
    all.append(*piece);
  }
  ASSERT_TRUE(exchange->begin(200, {{"Content-Type", "text/plain"}}).ok());
  for (std::size_t at = 0; at < all.size(); at += 100'000)
    ASSERT_TRUE(exchange->write(std::string_view(all).substr(at, 100'000)).ok());
  ASSERT_TRUE(exchange->end().ok());
}

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 31 % 26);
  return text;
}

TEST_F(ExchangeTest, BodyOfAnySizeIsReadAndWrittenInPiecesOnKeptConnections) {
  work(mirror);
  auto at = client();
  for (std::size_t size :
       {std::size_t{0}, std::size_t{10}, std::size_t{70'000}, std::size_t{20'000'000}, std::size_t{5}}) {
    std::string body = pattern(size);
    ASSERT_EQ(send(*at, "POST", "/", body).body, body) << size;
  }
  EXPECT_EQ(metrics_.get(Metric::kHttpConnections), 1);
}

TEST_F(ExchangeTest, ChunkedBodyIsReadInPieces) {
  work(mirror);
  RawPeer peer = raw();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("3\r\nabc\r\n");
  peer.send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_NE(peer.read_until("\r\n\r\n").find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(peer.read_until("0\r\n\r\n"), "5\r\nabcde\r\n0\r\n\r\n");
}

TEST_F(ExchangeTest, ReadThenReplyKeepsTheConnection) {
  work([](std::unique_ptr<Exchange> exchange) {
    std::size_t size = 0;
    while (true) {
      auto piece = exchange->read();
      if (!piece.ok() || piece->empty()) break;
      size += piece->size();
    }
    exchange->reply(text(std::to_string(size)));
  });
  auto at = client();
  EXPECT_EQ(send(*at, "POST", "/", pattern(3'000'000)).body, "3000000");
  EXPECT_EQ(send(*at, "POST", "/", "abc").body, "3");
  EXPECT_EQ(metrics_.get(Metric::kHttpConnections), 1);
}

TEST_F(ExchangeTest, MalformedChunksAreInvalid) {
  work([](std::unique_ptr<Exchange> exchange) {
    auto piece = exchange->read();
    while (piece.ok() && !piece->empty()) piece = exchange->read();
    ASSERT_FALSE(piece.ok());
    EXPECT_EQ(piece.error().code, Code::kInvalid);
    exchange->reply(problem(400, "bad-framing", "Bad Request", piece.error().message));
  });
  RawPeer peer = raw();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n");
  EXPECT_TRUE(peer.read_to_end().starts_with("HTTP/1.1 400"));
}

TEST_F(ExchangeTest, ClientThatGoesWithinTheBodyIsUnavailable) {
  work([](std::unique_ptr<Exchange> exchange) {
    auto piece = exchange->read();
    while (piece.ok() && !piece->empty()) piece = exchange->read();
    ASSERT_FALSE(piece.ok());
    EXPECT_EQ(piece.error().code, Code::kUnavailable);
  });
  EXPECT_TRUE(ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").starts_with("HTTP/1.1 500"));
}

TEST_F(ExchangeTest, SlowBodyIsUnavailable) {
  limits_.body_grace_ms = 50;
  work([](std::unique_ptr<Exchange> exchange) {
    auto piece = exchange->read();
    while (piece.ok() && !piece->empty()) piece = exchange->read();
    ASSERT_FALSE(piece.ok());
    EXPECT_EQ(piece.error().code, Code::kUnavailable);
    exchange->reply(problem(408, "too-slow", "Request Timeout", piece.error().message));
  });
  RawPeer peer = raw();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(peer.read_to_end().starts_with("HTTP/1.1 408"));
}

TEST_F(ExchangeTest, ReaderThatTakesNothingMakesWriteFail) {
  limits_.write_ms = 50;
  work([](std::unique_ptr<Exchange> exchange) {
    ASSERT_TRUE(exchange->begin(200, {}).ok());
    Result<void> written;
    while (written.ok()) written = exchange->write(std::string(1 << 20, 'x'));
    EXPECT_EQ(written.error().code, Code::kUnavailable);
  });
  RawPeer peer = raw();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  peer.read_until("\r\n\r\n");
  while (metrics_.get(Metric::kHttpConnections) > 0) std::this_thread::yield();
}

TEST_F(ExchangeTest, AnswerDroppedMidwayIsSeenAsCutOff) {
  work([](std::unique_ptr<Exchange> exchange) {
    ASSERT_TRUE(exchange->begin(200, {}).ok());
    ASSERT_TRUE(exchange->write("half").ok());
  });
  ClientRequest request;
  auto response = client()->send(request, kTimeoutMs);
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, Code::kUnknown);
}

TEST_F(ExchangeTest, HeadAndOldClientsGetNoChunks) {
  work(mirror);
  RawPeer peer = raw();
  peer.send("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_TRUE(peer.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  peer.send("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
  std::string all = peer.read_to_end();
  EXPECT_TRUE(all.starts_with("HTTP/1.1 200")) << all;
  EXPECT_TRUE(all.ends_with("\r\n\r\nabc")) << all;
  EXPECT_EQ(all.find("chunked"), std::string::npos);
}

TEST_F(ExchangeTest, ClientThatHasGoneIsNoticedWhileTheHandlerWorks) {
  std::mutex mutex;
  std::condition_variable changed;
  bool begun = false;
  bool abandoned = false;
  work([&](std::unique_ptr<Exchange> exchange) {
    EXPECT_FALSE(exchange->abandoned());
    {
      std::lock_guard lock(mutex);
      begun = true;
    }
    changed.notify_all();
    while (!exchange->abandoned()) std::this_thread::yield();
    std::lock_guard lock(mutex);
    abandoned = true;
    changed.notify_all();
  });
  RawPeer peer = raw();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return begun; });
  peer.close();
  changed.wait(lock, [&] { return abandoned; });
  EXPECT_TRUE(abandoned);
}

TEST_F(ExchangeTest, StopWakesABlockedReader) {
  std::mutex mutex;
  std::condition_variable changed;
  bool begun = false;
  work([&](std::unique_ptr<Exchange> exchange) {
    {
      std::lock_guard lock(mutex);
      begun = true;
    }
    changed.notify_all();
    auto piece = exchange->read();
    EXPECT_FALSE(piece.ok());
  });
  RawPeer peer = raw();
  peer.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return begun; });
  }
  server_->stop(0);
  workers_->join();
  EXPECT_EQ(metrics_.get(Metric::kHttpConnections), 0);
}

}  // namespace
}  // namespace millrace::http
