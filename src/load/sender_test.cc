#include "load/sender.h"

#include <mutex>

#include <gtest/gtest.h>

#include "base/time_format.h"
#include "http/server.h"

namespace millrace::load {
namespace {

// Stands still until somebody moves it, from any thread.
class SharedClock final : public Clock {
 public:
  TimeNs wall() override { return 1'700'000'000'000'000'000 + now_.load(); }
  TimeNs monotonic() override { return now_.load(); }
  void advance(TimeNs by) { now_ += by; }

 private:
  std::atomic<TimeNs> now_ = 0;
};

http::Response taken(std::size_t events) {
  http::Response response;
  response.body =
      R"({"accepted":)" + std::to_string(events) + R"(,"rejected":[],"rejected_count":0,"position":"1/0:1"})";
  return response;
}

class SenderTest : public ::testing::Test {
 protected:
  // `answer` gets the number of the request (from 0) and of its lines.
  void serve(std::function<http::Response(std::uint64_t, std::size_t)> answer) {
    auto server = http::Server::start("127.0.0.1:0", 1, {}, {}, metrics_, [this, answer](auto exchange) {
      http::Exchange::read_body(std::move(exchange), 16 << 20, [this, answer](auto at, std::string_view body) {
        auto lines = static_cast<std::size_t>(std::count(body.begin(), body.end(), '\n'));
        at->reply(answer(requests_++, lines));
      });
    });
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
    std::string address = server_->address();
    options_.host = address.substr(0, address.rfind(':'));
    options_.port = address.substr(address.rfind(':') + 1);
    options_.events.malformed = options_.events.repeats = 0;
  }
  Result<void> run(Clock& clock) {
    Sender sender(options_, 0, slot_, clock);
    return sender.run(clock.monotonic(), stop_);
  }

  Metrics metrics_;
  std::unique_ptr<http::Server> server_;
  std::atomic<std::uint64_t> requests_ = 0;
  LoadOptions options_;
  Slot slot_;
  std::atomic<bool> stop_ = false;
};

TEST_F(SenderTest, LatencyCountsFromTheMomentThatARequestWasDue) {
  SharedClock clock;
  serve([&](std::uint64_t, std::size_t lines) {
    clock.advance(300 * kMillisecond);  // every answer takes so long
    return taken(lines);
  });
  options_.rate = 100;  // events a second, ten a request: one request is due each 100 ms
  options_.batch = 10;
  options_.connections = 1;
  options_.duration = 1'000 * kMillisecond;
  ASSERT_TRUE(run(clock).ok());
  const Totals& totals = slot_.totals;
  EXPECT_EQ(totals.requests.get(), 4) << "sent at 0, 300, 600, 900 ms";
  EXPECT_EQ(totals.accepted.get(), 40);
  EXPECT_EQ(totals.unsent_requests.get(), 6) << "due at 400 … 900 ms";
  EXPECT_EQ(totals.unsent_unconnected.get() + totals.unsent_at_end.get(), 0) << "the one connection was waiting";
  EXPECT_EQ(slot_.silence.load(), 300 * kMillisecond);
  EXPECT_EQ(totals.service.max(), 300 * kMillisecond);
  EXPECT_EQ(totals.latency.max(), 900 * kMillisecond) << "due at 300, answered at 1,200 ms";
  EXPECT_EQ(totals.latency.count(), 10) << "those never sent count with how long they waited";
}

TEST_F(SenderTest, RefusalsAreCountedAndNotSentAgain) {
  serve([](std::uint64_t number, std::size_t lines) {
    return number % 2 == 0 ? taken(lines) : http::problem(429, "too-many-requests", "no", "later");
  });
  options_.rate = 100'000;
  options_.batch = 10;
  options_.connections = 4;
  options_.duration = 20 * kMillisecond;
  ASSERT_TRUE(run(system_clock()).ok());
  const Totals& totals = slot_.totals;
  EXPECT_EQ(totals.requests.get() + totals.refused_requests.get(), requests_.load());
  EXPECT_EQ(totals.accepted.get(), totals.requests.get() * 10);
  EXPECT_EQ(totals.refused.get(), totals.refused_requests.get() * 10);
  EXPECT_EQ(totals.refusals.count(), totals.refused_requests.get());
  EXPECT_GT(totals.refused_requests.get(), 0);
  EXPECT_EQ(totals.unknown.get() + totals.failed.get(), 0);
}

TEST_F(SenderTest, BrokenConnectionsAreMadeAgainAndTheirOutcomeIsUnknown) {
  serve([](std::uint64_t number, std::size_t lines) {
    http::Response response = taken(lines);
    response.close = number % 3 == 0;
    return response;
  });
  options_.rate = 20'000;
  options_.batch = 10;
  options_.connections = 2;
  options_.duration = 200 * kMillisecond;
  ASSERT_TRUE(run(system_clock()).ok());
  EXPECT_GT(slot_.totals.connects.get(), 2);
  EXPECT_GE(slot_.totals.requests.get() + slot_.totals.unknown_requests.get(), requests_.load());
  EXPECT_EQ(slot_.totals.accepted.get(), slot_.totals.requests.get() * 10);
}

TEST_F(SenderTest, ClosedLoopSendsLargeRequestsAsFastAsAnswersCome) {
  serve([this](std::uint64_t number, std::size_t lines) {
    stop_ = number >= 20;
    return taken(lines);
  });
  options_.rate = 0;
  options_.batch = 5'000;  // 1.5 MB: more than a socket takes at once
  options_.connections = 3;
  options_.duration = 60'000 * kMillisecond;
  ASSERT_TRUE(run(system_clock()).ok());
  EXPECT_GE(slot_.totals.requests.get(), 21);
  EXPECT_EQ(slot_.totals.accepted.get(), requests_.load() * 5'000);
}

TEST_F(SenderTest, WrongKeyEndsItAtOnce) {
  serve([](std::uint64_t, std::size_t) { return http::problem(401, "unauthorized", "No valid key", "send one"); });
  options_.duration = 60'000 * kMillisecond;
  Result<void> result = run(system_clock());
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("No valid key"), std::string::npos) << result.error().message;
}

}  // namespace
}  // namespace millrace::load
