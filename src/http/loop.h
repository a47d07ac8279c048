#pragma once
// One thread's event loop with the connections that belong to it, and the mailbox through which other threads give them
// back.

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace millrace::http {

class Connection;

// What a connection is told by whoever had its exchange.
enum class Task { kStart, kResume, kReply, kBody, kEnded, kDropped };

class Loop {
 public:
  explicit Loop(std::int64_t tick_ms) : tick_ms_(tick_ms), timer_(context_) {}

  // The body of the loop's thread; ends after close_all() once nothing is under way.
  void run();
  boost::asio::io_context& context() { return context_; }
  bool in_thread() const { return thread_ == std::this_thread::get_id(); }

  // Any thread. After close_all() it does nothing.
  void post(std::shared_ptr<Connection> connection, Task task);

  // In the loop's thread.
  void add(const std::shared_ptr<Connection>& connection);
  void remove(Connection& connection);
  void drain();      // closes what is idle
  void close_all();  // closes everything, and lets run() end

 private:
  struct Letter {
    std::shared_ptr<Connection> connection;
    Task task;
  };
  void read_mailbox();
  void tick();

  const std::int64_t tick_ms_;
  boost::asio::io_context context_{1};
  boost::asio::steady_timer timer_;
  std::thread::id thread_;
  // shared_ptr: a connection is held by this list, by the waits under way on it, and by its exchange, which may be in
  // any thread.
  std::vector<std::shared_ptr<Connection>> connections_;
  bool ended_ = false;

  std::mutex mutex_;
  std::vector<Letter> mailbox_;  // at most two letters a connection
  bool shut_ = false;
  std::vector<Letter> reading_;  // only in the loop's thread: its memory is used again
};

}  // namespace millrace::http
