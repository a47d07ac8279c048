#pragma once
// A strict HTTP/1.1 server (RFC 9112) on epoll. Knows nothing of events.
//
// A handler is called on an I/O thread when the request's head has come, and must not block. It looks at the head and
// either replies at once, or asks for the whole body, or (on a thread of its own) reads the body and writes the answer
// in pieces.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"

namespace millrace::http {

// Spare readable bytes behind every whole body, for parsers that read in wide steps.
inline constexpr std::size_t kBodyPaddingBytes = 64;

struct Limits {
  std::size_t request_line_bytes = 8 << 10;
  std::size_t header_bytes = 32 << 10;
  std::size_t headers = 100;
  std::int64_t header_ms = 10'000;     // for the whole head
  std::int64_t body_grace_ms = 5'000;  // then at least body_bytes_per_second
  std::size_t body_bytes_per_second = 1024;
  std::int64_t idle_ms = 60'000;
  std::int64_t write_ms = 30'000;  // for a reader that takes nothing
  std::size_t connections = 10'000;
  std::size_t connections_per_address = 5'000;  // Unix sockets count as one address without a limit
};

// The head of a request. Names of headers are compared without case.
struct Head {
  std::string method;
  std::string path;                                        // percent-decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;  // percent-decoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string peer;                  // address without port
  std::int64_t content_length = -1;  // -1: chunked

  std::string_view header(std::string_view name) const;       // empty when absent
  const std::string* parameter(std::string_view name) const;  // null when absent; the first when repeated
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  bool close = false;       // close the connection behind it
  bool any_origin = false;  // pages of any origin may read it (Access-Control-Allow-Origin: *)
};

// Allowed to be dropped before a reply: the client gets 500 then. Every method may be called from any thread, one at a
// time.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Head& head() const = 0;

  // Asks for the whole body, at most `bytes_max` (else the server answers 413 itself and drops the exchange, `next` is
  // not called). `next` runs on the I/O thread, with the exchange and the body, which has kBodyPaddingBytes spare bytes
  // behind it.
  using BodyHandler = std::function<void(std::unique_ptr<Exchange>, std::string_view body)>;
  static void read_body(std::unique_ptr<Exchange> exchange, std::size_t bytes_max, BodyHandler next) {
    Exchange* raw = exchange.get();
    raw->start_body(std::move(exchange), bytes_max, std::move(next));
  }

  // The answer. The body handed to `next` is gone after it. Called once.
  virtual void reply(Response response) = 0;

  // In pieces, from a thread that may block. read() gives the next bytes of the body, empty at its end; kUnavailable
  // when the client has gone or was too slow. write() returns when the socket has taken the bytes.
  virtual Result<std::string_view> read() = 0;
  virtual Result<void> begin(int status, std::vector<std::pair<std::string, std::string>> headers) = 0;  // chunked
  virtual Result<void> write(std::string_view bytes) = 0;
  virtual Result<void> end() = 0;
  // True when the client has closed its side: whoever works for it may stop.
  virtual bool abandoned() = 0;
  // On the I/O thread: how long, about, a request that comes now waits for its turn on it once its body is there. Who
  // refuses what has only a head keeps this short.
  virtual std::int64_t waiting_ms() const { return 0; }
  // Before read_body(): the body's turn is before that of others.
  virtual void go_first() {}

  // Gives the connection away for good, before any answer: `next` gets its socket (non-blocking, for it to close) on
  // the I/O thread, and the server knows nothing of it any more. Not for connections with TLS.
  using DetachHandler = std::function<void(int socket)>;
  virtual bool can_detach() const { return false; }
  static void detach(std::unique_ptr<Exchange> exchange, DetachHandler next) {
    Exchange* raw = exchange.get();
    raw->start_detach(std::move(exchange), std::move(next));
  }

 protected:
  virtual void start_body(std::unique_ptr<Exchange> self, std::size_t bytes_max, BodyHandler next) = 0;
  virtual void start_detach(std::unique_ptr<Exchange> self, DetachHandler next) { (void)self, (void)next; }
};

using Handler = std::function<void(std::unique_ptr<Exchange>)>;

struct TlsFiles {
  std::string certificate;  // PEM files; empty: no TLS
  std::string key;
};

class Server {
 public:
  // `listen`: "127.0.0.1:8080", "[::1]:0", "unix:/path/to.sock", or "fd:5" (a listening socket that was inherited).
  static Result<std::unique_ptr<Server>> start(const std::string& listen, unsigned threads, const Limits& limits,
                                               const TlsFiles& tls, Metrics& metrics, Handler handler);
  virtual ~Server() = default;              // stop(0)
  virtual std::string address() const = 0;  // with the port that was picked
  // Takes no new connections, lets requests under way end, closes the rest after `drain_ms`.
  virtual void stop(std::int64_t drain_ms) = 0;
};

// RFC 9457. `type` is stable and ends up as "urn:millrace:error:<type>"; `detail` says what to do.
Response problem(int status, std::string_view type, std::string_view title, std::string_view detail);

}  // namespace millrace::http
