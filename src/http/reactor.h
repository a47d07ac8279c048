#pragma once
// One thread of a fan-out with its sockets. Private to this folder.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "http/fan_out.h"
#include "http/socket_stream.h"
#include "io/thread.h"

namespace millrace::http {

class Reactor {
 public:
  // kUnavailable: the system gives no sockets.
  static Result<std::unique_ptr<Reactor>> start(const FanOutLimits& limits, Metrics& metrics);
  ~Reactor();

  // A reader on its way to a reactor.
  struct Coming {
    UniqueFd socket;
    std::unique_ptr<Reader> reader;
  };
  static constexpr std::size_t kAtOnce = 64;
  // Takes the first `count` (at most kAtOnce) out of `coming`; false when too many are on their way to it: then none.
  bool add(std::deque<Coming>& coming, std::size_t count);
  std::size_t readers() const { return readers_.load(std::memory_order_relaxed); }
  void wake();

 private:
  struct Place : Reader::Place {
    std::uint32_t slot = 0;  // of the viewer, among those of the channel
  };
  // What a reader costs, with its places behind it.
  struct Viewer {
    UniqueFd socket;
    bool writable = true;
    std::uint32_t index = 0;    // in viewers_
    std::int64_t since_ms = 0;  // it was written to, or ceased to be writable
    std::size_t offset = 0;     // of `frame` that the socket has taken
    FramePtr frame;             // on its way
    std::string before;         // what goes before it: the rest of an id
    std::string id;
    std::vector<Place> places;
    PassPtr pass;
  };
  struct Followed {
    std::uint64_t newest = 0;
    std::vector<Viewer*> viewers;
  };

  // What many readers get alike: the frame behind `after`, with its id.
  struct Common {
    std::uint64_t after = 0;
    std::string id;
    FramePtr frame;
    std::string bytes;
    std::size_t head = 0;  // of these the id
    std::int64_t sent = 0;
  };

  Reactor(const FanOutLimits& limits, Metrics& metrics) : limits_(limits), metrics_(metrics) {}
  void run();
  void own_descriptors();
  bool take_sockets();  // some of those that wait; whether there may be more
  void count_readers(std::ptrdiff_t more);
  void begin(UniqueFd socket, std::unique_ptr<Reader> reader);
  void on_event(Viewer& viewer, std::uint32_t events);
  void look_at_channels();
  bool send_common(Viewer& viewer, const Channel& channel, Common& common);
  void pump(Viewer& viewer);
  bool choose(Viewer& viewer);
  bool write(Viewer& viewer);
  void tick(std::int64_t now);
  void close(Viewer& viewer);

  const FanOutLimits limits_;
  Metrics& metrics_;
  UniqueFd in_;    // sockets come from here, in the reactor's table
  UniqueFd out_;   // … and go in here, in everybody else's
  UniqueFd bell_;  // an eventfd, in both
  int bell_number_ = -1;
  UniqueFd poller_;
  std::atomic<std::size_t> readers_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable ready_changed_;
  bool ready_ = false;

  std::vector<std::unique_ptr<Viewer>> viewers_;
  std::vector<std::unique_ptr<Viewer>> closed_;  // until the events of one wait have been gone through
  std::unordered_map<Channel*, Followed> channels_;
  std::optional<Thread> thread_;
};

}  // namespace millrace::http
