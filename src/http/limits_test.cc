// The server against clients that are too large, too slow, too many or malformed.
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "http/server_fixture.h"

namespace millrace::http {
namespace {

class LimitsTest : public ServerTest {
 protected:
  // The status of the only answer on a connection that is sent `bytes`.
  std::string status_of(std::string_view bytes) {
    RawPeer peer = raw();
    peer.send(bytes);
    std::string answer = peer.read_to_end();
    if (answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5")) {
      EXPECT_NE(answer.find("Content-Type: application/problem+json\r\n"), std::string::npos);
      EXPECT_NE(answer.find("\"type\":\"urn:millrace:error:"), std::string::npos);
      EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
    }
    EXPECT_FALSE(peer.was_reset());
    return answer.substr(0, 12);
  }
};

TEST_F(LimitsTest, MalformedHeadsAreRefusedWithAProblem) {
  start(echo);
  EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: a\n\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), "HTTP/1.1 501");
  EXPECT_EQ(status_of("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(status_of("GET / HTTP/3.0\r\nHost: a\r\n\r\n"), "HTTP/1.1 505");
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n"), "HTTP/1.1 417");
  EXPECT_EQ(status_of("\x16\x03\x01\x02\x01\x01\r\n"), "HTTP/1.1 400") << "TLS on a plain port";
  EXPECT_EQ(status_of("\x16\x03\x01" + std::string(9000, 'a')), "HTTP/1.1 400") << "... and much of it";
}

TEST_F(LimitsTest, EmptyLineBeforeARequestIsTolerated) {
  start(echo);
  RawPeer peer = raw();
  peer.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(peer.read_answer().ends_with("POST /1 x"));
  EXPECT_TRUE(peer.read_answer().ends_with("GET /2 "));
  EXPECT_EQ(status_of("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 400");
}

TEST_F(LimitsTest, LongRequestLineIs414AndLargeHeadIs431) {
  start(echo);
  EXPECT_EQ(status_of("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 414");
  EXPECT_EQ(status_of("GET /" + std::string(9000, 'a')), "HTTP/1.1 414");
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(40000, 'a')), "HTTP/1.1 431");
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X: y\r\n";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n"), "HTTP/1.1 431");
}

TEST_F(LimitsTest, AnnouncedLargeBodyIs413BeforeItIsSent) {
  start(echo);  // takes 1 MB
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n"), "HTTP/1.1 413");
  EXPECT_EQ(
      status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\nExpect: 100-continue\r\n\r\n"),
      "HTTP/1.1 413");
}

TEST_F(LimitsTest, ChunkedBodyIs413AsSoonAsItGrowsTooLarge) {
  start(echo);
  std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  std::string body;
  for (int i = 0; i < 17; ++i) body += chunk;  // no end: the answer can't have waited for it
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body), "HTTP/1.1 413");
}

TEST_F(LimitsTest, MalformedChunksAre400) {
  start(echo);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"),
            "HTTP/1.1 400");
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"),
            "HTTP/1.1 400");
}

TEST_F(LimitsTest, SlowHeadIs408) {
  limits_.header_ms = 50;
  start(echo);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHo"), "HTTP/1.1 408");
}

TEST_F(LimitsTest, SilentConnectionIsClosed) {
  limits_.header_ms = limits_.idle_ms = 50;
  start(echo);
  EXPECT_EQ(status_of(""), "");
  RawPeer peer = raw();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(peer.read_answer().starts_with("HTTP/1.1 200"));
  EXPECT_EQ(peer.read_to_end(), "");
}

TEST_F(LimitsTest, SlowBodyIs408) {
  limits_.body_grace_ms = 50;
  start(echo);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"), "HTTP/1.1 408");
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na"), "HTTP/1.1 408");
}

TEST_F(LimitsTest, CutOffBodyNeverReachesTheHandler) {
  int bodies = 0;
  start([&](std::unique_ptr<Exchange> exchange) {
    Exchange::read_body(std::move(exchange), 100, [&](std::unique_ptr<Exchange> at, std::string_view) {
      ++bodies;
      at->reply(text(""));
    });
  });
  EXPECT_EQ(ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n012345678"), "");
  EXPECT_EQ(ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"), "");
  server_->stop(0);
  EXPECT_EQ(bodies, 0);
}

TEST_F(LimitsTest, ReaderThatTakesNothingIsCutOff) {
  limits_.write_ms = 50;
  start([](std::unique_ptr<Exchange> exchange) { exchange->reply(text(std::string(64 << 20, 'x'))); });
  RawPeer peer = raw();
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  peer.read_until("\r\n\r\n");
  while (metrics_.get(Metric::kHttpConnections) > 0) std::this_thread::yield();
  EXPECT_LT(peer.read_to_end().size(), 64U << 20);
}

TEST_F(LimitsTest, ConnectionsPastTheCapAreTurnedAway) {
  limits_.connections_per_address = 2;
  start(echo);
  RawPeer first = raw();
  RawPeer second = raw();
  for (RawPeer* peer : {&first, &second}) {
    peer->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(peer->read_answer().starts_with("HTTP/1.1 200"));
  }
  EXPECT_TRUE(raw().read_to_end().starts_with("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"));
  first.close();
  while (metrics_.get(Metric::kHttpConnections) > 1) std::this_thread::yield();
  RawPeer third = raw();
  third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(third.read_answer().starts_with("HTTP/1.1 200"));
}

TEST_F(LimitsTest, TotalCapHoldsOnUnixSocketsToo) {
  TempFolder folder;
  limits_.connections = 1;
  limits_.connections_per_address = 0;
  start(echo, "unix:" + folder.file("sock"));
  RawPeer first = raw();
  first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(first.read_answer().starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(raw().read_to_end().starts_with("HTTP/1.1 503"));
}

TEST_F(LimitsTest, OutOfDescriptorsClientsAreTurnedAwayAndItRecovers) {
  start(echo);
  RawPeer first = raw();
  first.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(first.read_answer().ends_with("GET /1 "));
  RawPeer turned_away = RawPeer::unconnected();  // its descriptor is there before they run out
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  UniqueFd lowest(::dup(0));
  rlimit none = old;
  none.rlim_cur = static_cast<rlim_t>(lowest.get());
  lowest.reset(-1);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  turned_away.connect_to(server_->address());
  std::string nothing = turned_away.read_to_end();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(nothing, "");
  RawPeer again = raw();
  again.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(again.read_answer().ends_with("GET /2 "));
}

}  // namespace
}  // namespace millrace::http
