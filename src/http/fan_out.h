#pragma once
// Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) to very many readers. What is
// sent lies in memory once, however many read it: a reader is a socket, a place in each of its channels, and what is
// left of the frame that its socket hasn't taken yet.
//
// Sockets belong to reactors: threads with tables of descriptors of their own (unshare(CLONE_FILES)), so that each may
// hold as many as a process may, and closing one costs the others nothing. A reactor is made when the others are full.

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"

namespace millrace::http {

// `event: …\ndata: …\n\n`: what comes behind its id.
struct Frame {
  std::uint64_t number = 0;
  std::string bytes;
};
// shared_ptr: a frame is held by its channel, and by each reader whose socket has taken a part of it.
using FramePtr = std::shared_ptr<const Frame>;

// A series of frames, numbered upwards from 1. A base frame stands for everything before it; the others go on from the
// one before. Safe from any thread.
class Channel {
 public:
  // Every frame must be numbered one above the newest; a base that replaces what is known has that number, or the
  // newest's (when it says the same as what went before).
  void publish(FramePtr frame);
  void publish_base(FramePtr frame);

  std::uint64_t newest() const;
  bool has_base() const;
  // Whether it is time for a newer base: there is none, or what leads on from it has become much.
  bool wants_base() const;

  // What a reader needs that has everything up to `after` (0: nothing). Null when there is nothing newer. A reader that
  // is far behind, or has a place that isn't known any more, gets the base; and one for whom it is no longer than the
  // frames that lead there.
  FramePtr next(std::uint64_t after) const;

 private:
  static constexpr std::size_t kKept = 64;
  static constexpr std::size_t kKeptBytes = 4 << 20;
  static constexpr std::uint64_t kBehindBase = 16;
  static constexpr std::uint64_t kSlow = 8;                 // frames behind the newest
  static constexpr std::size_t kSmallBaseBytes = 16 << 10;  // may be made each time that somebody is late

  bool base_is_shorter(std::uint64_t after) const;

  mutable std::mutex mutex_;
  FramePtr base_;
  std::deque<FramePtr> frames_;  // without gaps
  std::size_t bytes_ = 0;
  std::uint64_t newest_ = 0;
  mutable bool lagging_ = false;  // somebody was two frames behind since the last base
};
// shared_ptr: a channel is held by who fills it and by each of its readers.
using ChannelPtr = std::shared_ptr<Channel>;

// What a reader was let in by: when that is good no longer, its stream ends within a second.
struct Pass {
  std::atomic<bool> ended = false;
};
// shared_ptr: a pass is held by each of the readers that came by it, and goes with the last.
using PassPtr = std::shared_ptr<const Pass>;

struct FanOutLimits {
  std::size_t readers = 100'000;
  std::size_t readers_per_reactor = 16'000;
  std::int64_t stall_ms = 30'000;    // a socket that takes nothing for so long is closed
  std::int64_t comment_ms = 14'000;  // a reader that got nothing for so long gets a comment
};

struct Reader {
  struct Place {
    ChannelPtr channel;
    std::uint64_t after = 0;
  };
  std::vector<Place> places;
  std::string id;     // begins each id; behind it `.` and the number reached in each of the places
  std::string first;  // sent before everything else: the answer's head
  PassPtr pass;       // null: it may stay
};

class FanOut {
 public:
  static std::unique_ptr<FanOut> make(const FanOutLimits& limits, Metrics& metrics);
  virtual ~FanOut() = default;  // closes all sockets
  // Takes the socket, which must be non-blocking, whatever comes of it. kFull: too many readers, it was closed.
  virtual Result<void> add(int socket, Reader reader) = 0;
  // Whether another reader would be taken.
  virtual bool room() const = 0;
  // Some channels have new frames.
  virtual void wake() = 0;
  // Hands over readers whom no reactor had a place for in its queue; true when some still wait: to be called again
  // soon.
  virtual bool hand_over() = 0;
  virtual void stop() = 0;
};

}  // namespace millrace::http
