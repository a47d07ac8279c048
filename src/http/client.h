#pragma once
// A small blocking HTTP/1.1 client: for the store, the engine's port and the command line. TCP, TLS and Unix sockets;
// keeps its connection alive. One object is used by one thread at a time.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace::http {

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";  // path and query, percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::span<const std::string_view> body;    // pieces, sent one behind the other with a Content-Length
  std::size_t answer_bytes_max = 256 << 20;  // of send(): a larger answer is kUnknown
};

struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string_view header(std::string_view name) const;  // without case; empty when absent
};

class Client {
 public:
  // `url`: "http://user:password@host:port", "https://…", "unix:/path/to.sock". A path in it is put before every
  // target; user and password are sent as Basic authorization. Connects when first used.
  static Result<std::unique_ptr<Client>> create(const std::string& url);
  virtual ~Client() = default;

  // Errors: kUnavailable when nothing of the request can have been acted on (no connection, or refused before it was
  // sent); kUnknown when it was sent, at least in part, and no whole answer came (time-out, reset). A status of 4xx or
  // 5xx is an answer, not an error. A request on a kept connection that the server had closed is sent again on a new
  // one only if none of its bytes can have been read (nothing was written yet) or `method` is GET. `timeout_ms` bounds
  // the whole call.
  virtual Result<ClientResponse> send(const ClientRequest& request, std::int64_t timeout_ms) = 0;
  // The same, but the body of a 2xx answer is given to `piece` as it comes (response.body stays empty); `piece` returns
  // false to stop.
  virtual Result<ClientResponse> stream(const ClientRequest& request, std::int64_t timeout_ms,
                                        const std::function<bool(std::string_view)>& piece) = 0;
  // Makes a send() under way in another thread end with kUnknown soon. Safe from any thread.
  virtual void cancel() = 0;
};

std::string percent_encode(std::string_view text);

}  // namespace millrace::http
