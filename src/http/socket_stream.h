#pragma once
// A connected, non-blocking socket that carries bytes either plainly or through TLS. Used by the server and the client;
// by one thread at a time, but for abort(), which is safe from any.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <sys/uio.h>

#include "base/result.h"

struct ssl_st;
struct ssl_ctx_st;

namespace millrace::http {

// Closes the descriptor when it goes.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(-1); }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd);

 private:
  int fd_ = -1;
};

// Certificates and settings that many connections share. OpenSSL counts its users itself.
struct TlsContextFree {
  void operator()(ssl_ctx_st* context) const;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, TlsContextFree>;
Result<TlsContext> server_tls(const std::string& certificate_file, const std::string& key_file);
Result<TlsContext> client_tls();  // the system's certificate authorities, or SSL_CERT_FILE

class SocketStream {
 public:
  enum class Status { kDone, kWantRead, kWantWrite, kEnd, kFailed };
  struct Outcome {
    Status status = Status::kFailed;
    std::size_t bytes = 0;  // more than 0 when kDone
  };

  static SocketStream plain(UniqueFd fd);
  static Result<SocketStream> accept_tls(UniqueFd fd, ssl_ctx_st* context);
  // `host` must be in the peer's certificate. The handshake happens within the first read or write.
  static Result<SocketStream> connect_tls(UniqueFd fd, ssl_ctx_st* context, const std::string& host);

  Outcome read(char* into, std::size_t size);
  // Takes up to `size` bytes off and forgets them, at most kDiscardBytes at once; those of TCP aren't even copied.
  Outcome discard(std::size_t size);
  static constexpr std::size_t kDiscardBytes = 64 << 10;
  // Takes some of the bytes, in one system call.
  Outcome write(std::span<const iovec> pieces);
  // The client's side of the TLS handshake; kDone at once when there is none.
  Outcome handshake();
  // True when read() has bytes that poll() knows nothing of.
  bool pending() const;
  // No more will be written: the peer sees an end behind what was sent.
  void shut_write();
  // Both directions end now; a thread that waits on the descriptor wakes. Any thread.
  void abort() const;
  // The peer will see a reset, not an end, once this object goes.
  void reset_when_closed() const;
  bool peer_closed() const;  // has the peer closed its side? Any thread.
  bool is_tls() const { return ssl_ != nullptr; }
  int fd() const { return fd_.get(); }
  UniqueFd take_fd() { return std::move(fd_); }
  std::string tls_error() const;  // why the last call on TLS failed

 private:
  struct SslFree {
    void operator()(ssl_st* ssl) const;
  };
  static Result<SocketStream> with_tls(UniqueFd fd, ssl_ctx_st* context);
  Outcome tls_outcome(int returned);
  Outcome tls_write(std::span<const iovec> pieces);

  UniqueFd fd_;
  std::unique_ptr<ssl_st, SslFree> ssl_;
  std::string joined_;  // small pieces of one TLS record
  std::string failure_;
};

// Waits until `fd` can be read (POLLIN) or written (POLLOUT), or `deadline_ms` (of now_ms()) has come, or `wake_fd`
// (-1: none) can be read. kUnavailable for the latter two.
Result<short> wait_for(int fd, short events, std::int64_t deadline_ms, int wake_fd);

std::int64_t now_ms();  // monotonic

}  // namespace millrace::http
