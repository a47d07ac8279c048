#pragma once
// One connection's bytes and the message that is under way on them. It belongs to one thread at a time: to the
// connection's loop, or, while a handler has the exchange, to whoever holds that. It changes hands through the loop's
// mailbox only.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/buffer.h"
#include "http/chunks.h"
#include "http/server.h"
#include "http/socket_stream.h"
#include "http/syntax.h"

namespace millrace::http {

// How long to wait for more of a body: a sender has the grace at first, each byte that comes earns the time that it may
// take at the slowest rate allowed, and never more than the grace is saved up.
class BodyPace {
 public:
  void start(const Limits& limits) { credit_ms_ = limits.body_grace_ms; }
  std::int64_t credit_ms() const { return credit_ms_; }
  void received(std::size_t bytes, std::int64_t waited_ms, const Limits& limits) {
    auto earned = static_cast<std::int64_t>(bytes * 1000 / limits.body_bytes_per_second);
    credit_ms_ = std::min(limits.body_grace_ms, std::max<std::int64_t>(0, credit_ms_ - waited_ms) + earned);
  }

 private:
  std::int64_t credit_ms_ = 0;
};

struct Wire {
  SocketStream stream;
  Buffer in;
  Head head;
  Framing framing;
  ChunkDecoder chunks;
  BodyPace pace;
  std::uint64_t body_left = 0;  // with Content-Length: bytes not yet taken from `in`
  std::size_t lent = 0;         // bytes at the front of `in` that a handler may be looking at
  bool continue_due = false;    // the client waits for 100 Continue
  bool begun = false;           // an answer in pieces is under way
  bool chunked_answer = false;
  bool keep = false;  // the connection lives on behind the answer
  Response response;
  std::string out;  // the answer's head

  // A head has been read: the body, if there is one, comes next.
  void start_body(const Limits& limits);
  bool body_done() const { return framing.chunked ? chunks.done() : body_left == 0; }
  // The next run of body bytes that have arrived; empty when there are none, or at the end. Valid until the next call.
  // What it gave before is used up.
  std::string_view take_body();
  // Makes the wire ready for the next request if the unread rest of the body is small enough to be skipped. False:
  // close behind the answer.
  bool settle_body();

  // Writes the head of an answer to `out`. `length` < 0: chunked, or up to the end of the connection.
  void write_head(int status, const Fields& headers, std::string_view content_type, std::int64_t length,
                  bool any_origin = false);

  // These block, for threads that may.
  Result<void> receive(const Limits& limits);
  Result<void> send(std::span<iovec> pieces, std::int64_t stall_ms);
};

inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

// Moves the front of `pieces` forward by `bytes` that were sent.
std::span<iovec> advance_pieces(std::span<iovec> pieces, std::size_t bytes);
iovec piece_of(std::string_view bytes);

}  // namespace millrace::http
