#pragma once
// One process's part of a load: requests over kept connections, each with one under way, from one thread with epoll.
//
// Open loop: request k is due at a moment that was fixed before the load began. When every connection waits for an
// answer it is sent late, and its latency still counts from the moment it was due. Closed loop (rate 0): a connection
// sends again when it has its answer.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/clock.h"
#include "load/answer.h"
#include "load/event_maker.h"
#include "load/options.h"
#include "load/schedule.h"
#include "load/totals.h"

struct addrinfo;

namespace millrace::load {

class Sender {
 public:
  // Sends requests number `index`, `index` + processes, … of the schedule over its share of the connections.
  Sender(const LoadOptions& options, std::uint32_t index, Slot& slot, Clock& clock);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // Runs from `begin` (monotonic) until everything due is answered, or `stop` is set, or an answer makes it plain that
  // no request can succeed. Connections that break are made again. Errors: no connection at all could be made; refused
  // for good. Only counts what it did into the slot.
  Result<void> run(TimeNs begin, const std::atomic<bool>& stop);

 private:
  enum class State { kClosed, kConnecting, kIdle, kBusy };
  struct Connection {
    int fd = -1;
    State state = State::kClosed;
    TimeNs rest_until = 0;  // kClosed: when to connect; kIdle: when to send again after a refusal
    TimeNs due = 0;
    TimeNs sent_at = 0;
    Request request;
    std::string out;  // what the socket has not taken yet
    std::size_t out_begin = 0;
    std::string in;  // an answer that isn't whole yet
  };

  Result<void> find_address();
  void connect_closed(TimeNs now);
  void connect(Connection& connection, TimeNs now);
  void connected(Connection& connection);
  void watch(Connection& connection, bool also_writable);
  bool may_send(TimeNs now) const;  // is a request due?
  void send_due();
  void send(Connection& connection, TimeNs now);
  void write_more(Connection& connection);
  void read_more(Connection& connection);
  void answered(Connection& connection, const Answer& answer);
  void broken(Connection& connection, TimeNs now);
  void wait_for_events(TimeNs now);
  void note_silence(TimeNs now, TimeNs due);
  Count Totals::*why_unsent() const;  // null: every connection is waiting
  void count_missing();

  const LoadOptions& options_;
  const std::uint32_t index_;
  const bool open_loop_;
  const Schedule schedule_;
  const std::uint64_t limit_;  // number of the first request that is not sent
  Slot& slot_;
  Clock& clock_;
  EventMaker maker_;
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> address_;
  std::vector<Connection> connections_;
  std::vector<std::uint32_t> idle_;  // numbers of connections
  std::size_t busy_ = 0;
  std::size_t closed_ = 0;
  int poll_ = -1;
  std::uint64_t next_ = 0;  // number of the next request
  TimeNs begin_ = 0;
  TimeNs end_ = 0;
  bool ever_connected_ = false;
  Count Totals::*why_unsent_ = nullptr;
  std::string fatal_;
  std::vector<char> piece_;
};

}  // namespace millrace::load
