// Requests that are worked on take turns with reading heads: who needs no more than a head gets an answer at once.

#include <algorithm>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "http/server_fixture.h"
#include "io/clock.h"

namespace millrace::http {
namespace {

constexpr const char* kWork = "POST /work HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";
constexpr const char* kChunkedWork =
    "POST /work HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
constexpr const char* kGlance = "GET /glance HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

// Longer than a turn.
void be_busy() {
  TimeNs end = system_clock().monotonic() + 2'000'000;
  while (system_clock().monotonic() < end) {
  }
}

class TurnTest : public ServerTest {
 protected:
  void begin() {
    start([this](std::unique_ptr<Exchange> exchange) { handle(std::move(exchange)); }, "127.0.0.1:0", 1);
  }
  void handle(std::unique_ptr<Exchange> exchange) {
    if (exchange->head().path == "/glance") {
      note("glance", exchange->waiting_ms());
      return exchange->reply(text("seen"));
    }
    bool first = exchange->head().path == "/first";
    if (first) exchange->go_first();
    Exchange::read_body(std::move(exchange), 100, [this, first](std::unique_ptr<Exchange> at, std::string_view body) {
      if (!std::exchange(begun_, true)) {
        first_.set_value();
        go_on_.get_future().wait();
      }
      be_busy();
      note(first ? "first" : "work");
      at->reply(text("done with " + std::string(body)));
    });
  }
  void note(const char* what, std::int64_t wait_ms = 0) {
    std::lock_guard lock(mutex_);
    longest_wait_ms_ = std::max(longest_wait_ms_, wait_ms);
    order_.emplace_back(what);
  }

  bool begun_ = false;
  std::int64_t longest_wait_ms_ = 0;
  std::promise<void> first_, go_on_;
  std::mutex mutex_;
  std::vector<std::string> order_;
};

TEST_F(TurnTest, AHeadIsLookedAtBeforeAllOfTheWorkIsDone) {
  begin();
  std::vector<RawPeer> peers;
  peers.push_back(raw());
  peers.back().send(kWork);
  first_.get_future().wait();
  for (int i = 0; i < 20; ++i) {  // all of them are there when the loop looks again
    peers.push_back(raw());
    peers.back().send(i % 2 == 0 ? kWork : kChunkedWork);
  }
  RawPeer hurried = raw();
  hurried.send(kGlance);
  go_on_.set_value();
  EXPECT_NE(hurried.read_to_end().find("seen"), std::string::npos);
  for (RawPeer& peer : peers) EXPECT_NE(peer.read_to_end().find("done with body"), std::string::npos);
  std::lock_guard lock(mutex_);
  ASSERT_EQ(order_.size(), 22u);
  auto at = std::find(order_.begin(), order_.end(), "glance") - order_.begin();
  EXPECT_LE(at, 10) << "behind so much work";
}

TEST_F(TurnTest, WhoGoesFirstDoesNotWaitBehindTheOthers) {
  begin();
  std::vector<RawPeer> peers;
  peers.push_back(raw());
  peers.back().send(kWork);
  first_.get_future().wait();
  for (int i = 0; i < 20; ++i) {
    peers.push_back(raw());
    peers.back().send(kWork);
  }
  RawPeer hurried = raw();
  hurried.send("POST /first HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
  go_on_.set_value();
  for (RawPeer& peer : peers) EXPECT_NE(peer.read_to_end().find("done with body"), std::string::npos);
  EXPECT_NE(hurried.read_to_end().find("done with body"), std::string::npos);
  std::lock_guard lock(mutex_);
  auto at = std::find(order_.begin(), order_.end(), "first") - order_.begin();
  EXPECT_LE(at, 10) << "behind so much work";
}

TEST_F(TurnTest, HowLongWorkWaitsIsToldToWhoComes) {
  begin();
  std::vector<RawPeer> peers;
  peers.push_back(raw());
  peers.back().send(kWork);
  first_.get_future().wait();
  for (int i = 0; i < 40; ++i) {
    peers.push_back(raw());
    peers.back().send(kWork);
  }
  go_on_.set_value();
  for (int i = 0; i < 20; ++i) {  // one after another, while the work goes on
    RawPeer one = raw();
    one.send(kGlance);
    EXPECT_NE(one.read_to_end().find("seen"), std::string::npos);
  }
  for (RawPeer& peer : peers) EXPECT_NE(peer.read_to_end().find("done with body"), std::string::npos);
  std::lock_guard lock(mutex_);
  EXPECT_GE(longest_wait_ms_, 10);
}

}  // namespace
}  // namespace millrace::http
