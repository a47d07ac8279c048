#pragma once
// One thread's event loop with the connections that belong to it, and the mailbox through which other threads give them
// back.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace millrace::http {

class Connection;

// What a connection is told by whoever had its exchange.
enum class Task { kStart, kResume, kTurn, kReply, kBody, kEnded, kDropped };

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
  // Requests whose body is there are worked on for a millisecond at most before the loop looks at its sockets again, so
  // that who is refused by the head alone learns it at once, however much there is to do. True: go on now. False: the
  // connection gets Task::kTurn when those before it have been worked on.
  bool take_turn(const std::shared_ptr<Connection>& connection);
  // How long the one whose turn is next has waited for it: what a request that comes now will have to wait.
  std::int64_t waiting_ms() const;
  void drain();      // closes what is idle
  void close_all();  // closes everything, and lets run() end

 private:
  struct Letter {
    std::shared_ptr<Connection> connection;
    Task task;
  };
  void read_mailbox();
  void tick();
  void turn();

  const std::int64_t tick_ms_;
  boost::asio::io_context context_{1};
  boost::asio::steady_timer timer_;
  std::thread::id thread_;
  // shared_ptr: a connection is held by this list, by the waits under way on it, and by its exchange, which may be in
  // any thread.
  std::vector<std::shared_ptr<Connection>> connections_;
  bool ended_ = false;

  struct Waiting {
    std::shared_ptr<Connection> connection;
    std::int64_t since_ns;
  };
  std::deque<Waiting> waiting_;  // at most one a connection
  bool turn_posted_ = false;
  std::int64_t turn_end_ns_ = 0;

  std::mutex mutex_;
  std::vector<Letter> mailbox_;  // at most two letters a connection
  bool shut_ = false;
  std::vector<Letter> reading_;  // only in the loop's thread: its memory is used again
};

}  // namespace millrace::http
