#pragma once
// One client's connection, as a small state machine that its loop drives.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/metrics.h"
#include "http/loop.h"
#include "http/wire.h"

namespace millrace::http {

// What the connections of one server share. Outlives its loops' threads; exchanges that outlive those don't touch it.
struct ServerState {
  ServerState(const Limits& server_limits, Metrics& server_metrics, Handler server_handler)
      : limits(server_limits), metrics(server_metrics), handler(std::move(server_handler)) {}

  const Limits limits;
  Metrics& metrics;
  const Handler handler;
  std::atomic<bool> draining = false;

  // False when there are too many.
  bool admit(const std::string& group);
  void leave(const std::string& group);

  std::mutex mutex;
  std::condition_variable left;
  std::size_t connections = 0;
  std::unordered_map<std::string, std::size_t> by_group;
};

class ServerExchange;

class Connection final : public std::enable_shared_from_this<Connection>, public Watched {
 public:
  // `group`: what the limit per address counts by; empty: not limited.
  Connection(std::shared_ptr<Loop> loop, ServerState& server, SocketStream stream, std::string peer, std::string group);

  Wire& wire() { return wire_; }
  Loop& loop() { return *loop_; }
  const Limits& limits() const { return limits_; }

  // From whoever holds the exchange: gives the connection back to its loop. Any thread.
  static void hand_back(std::shared_ptr<Connection> connection, Task task);
  void go_first() { first_ = true; }
  // Before Task::kBody: what is to be done with the body.
  void set_body_handler(std::unique_ptr<ServerExchange> idle, std::size_t bytes_max, Exchange::BodyHandler next);

  // Before Task::kDetach: who gets the socket.
  void set_detach_handler(Exchange::DetachHandler next) { detached_ = std::move(next); }

  // In the loop's thread.
  void on_task(Task task);
  void on_events(std::uint32_t events) override;
  void tick(std::int64_t now);
  void drain();
  enum class Ending { kPlain, kReset };
  void close(Ending ending = Ending::kPlain);
  std::size_t place = 0;  // in the loop's list

 private:
  enum class State { kHead, kHandler, kBody, kReady, kWriting, kDraining, kClosed };
  void advance();
  bool step();
  bool step_head();
  bool step_body();
  bool step_chunks();
  bool step_writing();
  bool step_draining();
  bool fill(std::size_t wanted);
  bool fill_body(std::size_t wanted);
  bool has_come(SocketStream::Outcome outcome, std::size_t room);
  bool skip_rest();
  void call_handler(std::unique_ptr<ServerExchange> exchange);
  void begin_body();
  bool body_is_here();
  bool deliver();
  void begin_reply();
  void begin_draining();
  bool finish_request();
  bool refuse(const Refusal& refusal);
  void forget_body();
  void detach();
  void leave();

  const std::shared_ptr<Loop> loop_;
  ServerState& server_;
  const Limits limits_;  // a copy: exchanges may outlive the server
  const std::string group_;
  Wire wire_;
  State state_ = State::kHead;
  std::int64_t deadline_ms_ = 0;
  std::int64_t waiting_since_ms_ = 0;
  bool running_ = false;
  bool readable_ = false;  // there may be something to read: a read would not be a system call for nothing
  bool ended_ = false;     // the peer has closed its side, or all of it: no event will tell of it again
  HeadScan scan_;
  bool empty_line_taken_ = false;  // before it
  std::size_t sent_ = 0;
  std::size_t drain_left_ = 0;

  std::unique_ptr<ServerExchange> idle_exchange_;  // while the body is read
  std::size_t body_bytes_max_ = 0;
  bool first_ = false;  // its turn is before that of others
  Exchange::BodyHandler next_;
  std::string body_;           // of chunks, put together
  std::size_t body_size_ = 0;  // of it, without what stands behind
  Exchange::DetachHandler detached_;
};

// The Exchange that a handler gets: the right to use the connection's wire until it is handed back.
class ServerExchange final : public Exchange {
 public:
  explicit ServerExchange(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~ServerExchange() override;
  void arm(std::shared_ptr<Connection> connection) { connection_ = std::move(connection); }

  const Head& head() const override;
  void reply(Response response) override;
  Result<std::string_view> read() override;
  Result<void> begin(int status, std::vector<std::pair<std::string, std::string>> headers) override;
  Result<void> write(std::string_view bytes) override;
  Result<void> end() override;
  bool abandoned() override;
  std::int64_t waiting_ms() const override { return connection_ != nullptr ? connection_->loop().waiting_ms() : 0; }
  void go_first() override;
  bool can_detach() const override;

 protected:
  void start_detach(std::unique_ptr<Exchange> self, DetachHandler next) override;
  void start_body(std::unique_ptr<Exchange> self, std::size_t bytes_max, BodyHandler next) override;

 private:
  std::shared_ptr<Connection> connection_;  // null once it is handed back
};

}  // namespace millrace::http
