#include "store/clickhouse/insert_gate.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

namespace millrace::clickhouse {
namespace {

// Its send() lasts until it is cancelled.
class HangingClient final : public http::Client {
 public:
  Result<http::ClientResponse> send(const http::ClientRequest&, std::int64_t) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return cancelled_; });
    return unknown_outcome("cancelled");
  }
  Result<http::ClientResponse> stream(const http::ClientRequest&, std::int64_t,
                                      const std::function<bool(std::string_view)>&) override {
    return unavailable("unused");
  }
  void cancel() override {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
};

TEST(InsertGate, OneRestartServesAllInsertsThatItBrokeOff) {
  InsertGate gate;
  std::atomic<int> restarts{0};
  auto restart = [&]() -> Result<void> {
    ++restarts;
    return {};
  };
  std::atomic<int> begun{0};
  std::vector<std::thread> partitions;
  for (int partition = 0; partition < 4; ++partition) {
    partitions.emplace_back([&] {
      Connection connection(std::make_unique<HangingClient>(), {"", "", "", ""});
      std::uint64_t since = gate.enter(connection);
      ++begun;
      EXPECT_EQ(connection.insert("", "", {}, "", 1000).error().code, Code::kUnknown);
      gate.leave(connection);
      EXPECT_TRUE(gate.restarted_since(since, restart).ok());
    });
  }
  while (begun < 4) std::this_thread::yield();
  ASSERT_TRUE(gate.restarted_since(0, restart).ok());
  for (std::thread& partition : partitions) partition.join();
  EXPECT_EQ(restarts, 1);
}

TEST(InsertGate, InsertAfterARestartNeedsItsOwn) {
  InsertGate gate;
  int restarts = 0;
  auto restart = [&]() -> Result<void> {
    ++restarts;
    return {};
  };
  Connection connection(std::make_unique<HangingClient>(), {"", "", "", ""});
  ASSERT_TRUE(gate.restarted_since(0, restart).ok());
  std::uint64_t since = gate.enter(connection);
  gate.leave(connection);
  ASSERT_TRUE(gate.restarted_since(since, restart).ok());
  EXPECT_EQ(restarts, 2);
}

TEST(InsertGate, RestartThatFailsIsTriedAgainByTheNext) {
  InsertGate gate;
  int calls = 0;
  auto restart = [&]() -> Result<void> {
    if (++calls == 1) return unavailable("not yet");
    return {};
  };
  EXPECT_EQ(gate.restarted_since(0, restart).error().code, Code::kUnavailable);
  EXPECT_TRUE(gate.restarted_since(0, restart).ok());
  EXPECT_TRUE(gate.restarted_since(0, restart).ok());
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace millrace::clickhouse
