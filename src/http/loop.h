#pragma once
// One thread's event loop with the connections that belong to it, and the mailbox through which other threads give them
// back.
//
// A descriptor is told to epoll once, for every kind of event and edge-triggered: a request costs no system call beside
// its reads, its writes and the loop's share of epoll_wait(). Whoever is watched remembers what it was told.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/work_rate.h"
#include "http/socket_stream.h"

namespace millrace::http {

class Connection;

// What a connection is told by whoever had its exchange.
enum class Task { kStart, kResume, kTurn, kReply, kBody, kEnded, kDropped, kDetach };

// Told of the events (of epoll_wait()) on a descriptor, in the loop's thread.
class Watched {
 public:
  virtual ~Watched() = default;
  virtual void on_events(std::uint32_t events) = 0;
};

class Loop {
 public:
  explicit Loop(std::int64_t tick_ms);

  // The body of the loop's thread; ends after close_all().
  void run();
  // run() is begin() and then step() again and again. A step does what there is to do, and waits for it at most so long
  // (and not beyond the next tick). True when there was something.
  void begin();
  bool step(std::int64_t wait_ms_max);
  bool in_thread() const { return thread_ == std::this_thread::get_id(); }

  // Any thread. After close_all() they do nothing.
  void post(std::shared_ptr<Connection> connection, Task task);
  void call(std::function<void()> function);  // in the loop's thread, behind what is under way

  // In the loop's thread, or before run().
  enum class Trigger { kEdge, kLevel };                   // level: readable alone
  bool watch(int fd, Watched& watched, Trigger trigger);  // false: the kernel has no room for it
  void unwatch(int fd);
  std::int64_t now() const { return now_ms_; }  // of now_ms(), when the loop last woke
  void add(const std::shared_ptr<Connection>& connection);
  void remove(Connection& connection);
  // Requests whose body is there are worked on for a millisecond at most before the loop looks at its sockets again, so
  // that who is refused by the head alone learns it at once, however much there is to do. True: go on now. False: the
  // connection gets Task::kTurn when those before it have been worked on. `bytes`: of its body.
  enum class Place { kFirst, kLast };  // first: behind others that are, before the rest
  bool take_turn(const std::shared_ptr<Connection>& connection, std::size_t bytes, Place place);
  // How long a request that comes now will have to wait for its turn, by what waits and how fast that went lately.
  std::int64_t waiting_ms() const;
  void drain();      // closes what is idle
  void close_all();  // closes everything, and lets run() end

 private:
  static constexpr double kBytesPerSecondMin = 4 << 20;
  struct Letter {
    std::shared_ptr<Connection> connection;
    Task task;
  };
  bool read_mailbox();
  bool fall_asleep();
  bool wait(std::int64_t timeout_ms);
  void tick();
  void turn();
  void wake();

  const std::int64_t tick_ms_;
  const UniqueFd poll_;
  const UniqueFd bell_;  // an eventfd, edge-triggered: it is written to wake the loop, and never read
  std::thread::id thread_;
  std::int64_t now_ms_ = 0;
  std::int64_t next_tick_ms_ = 0;
  // shared_ptr: a connection is held by this list, and by its exchange, which may be in any thread.
  std::vector<std::shared_ptr<Connection>> connections_;
  // Closed since the last wait: events that were fetched before may still name them.
  std::vector<std::shared_ptr<Connection>> closed_;
  bool ended_ = false;

  struct Waiting {
    std::shared_ptr<Connection> connection;
    std::size_t bytes;
  };
  bool anybody_waits() const { return !first_.empty() || !waiting_.empty(); }
  Waiting take_next();
  std::deque<Waiting> first_, waiting_;  // at most one a connection
  std::size_t waiting_bytes_ = 0;
  WorkRate rate_{kBytesPerSecondMin};
  std::int64_t busy_since_ns_ = 0;  // not yet told to the rate; 0: nothing waits
  bool turn_begun_ = false;
  std::int64_t turn_end_ns_ = 0;

  std::mutex mutex_;
  std::vector<Letter> mailbox_;  // at most two letters a connection
  std::vector<std::function<void()>> calls_;
  bool asleep_ = false;  // somebody must ring for what is posted
  bool shut_ = false;
  std::vector<Letter> reading_;  // only in the loop's thread: its memory is used again
};

}  // namespace millrace::http
