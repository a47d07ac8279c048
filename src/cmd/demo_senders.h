#pragma once
// How the demonstration's events reach its server: over HTTP, as anybody's do.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cmd/connection.h"

namespace millrace::cmd {

// Posts bodies until each is taken: what has been acknowledged is counted, what was refused is sent again.
class DemoSender {
 public:
  // Waits that long at most; true when it is time to stop: then it is tried a last time.
  using Pause = std::function<bool(std::chrono::milliseconds)>;

  DemoSender(const Connection& connection, Pause pause) : connection_(connection), pause_(std::move(pause)) {}
  Result<void> send(std::string_view body);

 private:
  const Connection& connection_;
  Pause pause_;
  std::unique_ptr<http::Client> client_;
};

// A few senders behind a short queue, so that making events and taking them go on at once. One thread calls it.
class DemoSenders {
 public:
  explicit DemoSenders(const Connection& connection);
  ~DemoSenders();

  // Waits for room; false when sending has failed.
  bool put(std::string body);
  // So many bodies from the first one on have been taken, without a gap.
  std::uint64_t taken() const;
  Result<void> finish();
  // Once more what is on its way, but nothing of what waits.
  void stop();

 private:
  void work(const Connection& connection);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> bodies_;
  std::uint64_t begun_ = 0;        // bodies that a sender has got
  std::set<std::uint64_t> going_;  // those that are on their way
  bool ended_ = false;
  bool stopping_ = false;  // what was refused isn't waited for any longer
  std::optional<Error> error_;
  std::vector<std::thread> threads_;
};

}  // namespace millrace::cmd
