#include "http/socket_stream.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/tls.h"
#include "io/clock.h"

namespace millrace::http {
namespace {

constexpr std::size_t kTlsRecordBytes = 16 << 10;

SocketStream::Outcome errno_outcome(SocketStream::Status when_blocked) {
  bool blocked = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {blocked ? when_blocked : SocketStream::Status::kFailed, 0};
}

}  // namespace

void UniqueFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

void SocketStream::SslFree::operator()(ssl_st* ssl) const { SSL_free(ssl); }

SocketStream SocketStream::plain(UniqueFd fd) {
  SocketStream stream;
  stream.fd_ = std::move(fd);
  return stream;
}

Result<SocketStream> SocketStream::with_tls(UniqueFd fd, ssl_ctx_st* context) {
  SocketStream stream = plain(std::move(fd));
  stream.ssl_.reset(SSL_new(context));
  if (!stream.ssl_ || !attach_socket(stream.ssl_.get(), stream.fd()))
    return unavailable(tls_failure("TLS could not start"));
  return stream;
}

Result<SocketStream> SocketStream::accept_tls(UniqueFd fd, ssl_ctx_st* context) {
  auto stream = with_tls(std::move(fd), context);
  if (stream.ok()) SSL_set_accept_state(stream->ssl_.get());
  return stream;
}

Result<SocketStream> SocketStream::connect_tls(UniqueFd fd, ssl_ctx_st* context, const std::string& host) {
  auto stream = with_tls(std::move(fd), context);
  if (!stream.ok()) return stream;
  SSL_set_connect_state(stream->ssl_.get());
  if (!expect_host(stream->ssl_.get(), host))
    return unavailable(tls_failure("TLS could not take the host name " + host));
  return stream;
}

SocketStream::Outcome SocketStream::tls_outcome(int returned) {
  if (returned > 0) return {Status::kDone, static_cast<std::size_t>(returned)};
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return {Status::kWantRead, 0};
    case SSL_ERROR_WANT_WRITE:
      return {Status::kWantWrite, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {Status::kEnd, 0};
    default:
      failure_ = tls_failure("TLS failed");
      return {Status::kFailed, 0};
  }
}

SocketStream::Outcome SocketStream::read(char* into, std::size_t size) {
  if (ssl_) {
    clear_tls_errors();
    return tls_outcome(SSL_read(ssl_.get(), into, static_cast<int>(std::min<std::size_t>(size, 1 << 30))));
  }
  ssize_t got = 0;
  do {
    got = ::recv(fd(), into, size, 0);
  } while (got < 0 && errno == EINTR);  // "again" must mean that there was nothing: nobody is told twice
  if (got > 0) return {Status::kDone, static_cast<std::size_t>(got)};
  return got == 0 ? Outcome{Status::kEnd, 0} : errno_outcome(Status::kWantRead);
}

SocketStream::Outcome SocketStream::discard(std::size_t size) {
  char scratch[kDiscardBytes];
  size = std::min(size, kDiscardBytes);
  if (ssl_) return read(scratch, size);
  ssize_t got = 0;
  do {
    got = ::recv(fd(), scratch, size, MSG_TRUNC);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return {Status::kDone, std::min(static_cast<std::size_t>(got), size)};
  return got == 0 ? Outcome{Status::kEnd, 0} : errno_outcome(Status::kWantRead);
}

SocketStream::Outcome SocketStream::tls_write(std::span<const iovec> pieces) {
  clear_tls_errors();
  if (pieces.size() == 1) {
    return tls_outcome(
        SSL_write(ssl_.get(), pieces[0].iov_base, static_cast<int>(std::min(pieces[0].iov_len, kTlsRecordBytes))));
  }
  joined_.clear();
  for (const iovec& piece : pieces) {
    joined_.append(static_cast<const char*>(piece.iov_base), std::min(piece.iov_len, kTlsRecordBytes - joined_.size()));
  }
  return tls_outcome(SSL_write(ssl_.get(), joined_.data(), static_cast<int>(joined_.size())));
}

SocketStream::Outcome SocketStream::write(std::span<const iovec> pieces) {
  if (ssl_) return tls_write(pieces);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  ssize_t sent = ::sendmsg(fd(), &message, MSG_NOSIGNAL);
  return sent >= 0 ? Outcome{Status::kDone, static_cast<std::size_t>(sent)} : errno_outcome(Status::kWantWrite);
}

SocketStream::Outcome SocketStream::handshake() {
  if (!ssl_) return {Status::kDone, 1};
  clear_tls_errors();
  return tls_outcome(SSL_do_handshake(ssl_.get()));
}

bool SocketStream::pending() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }

void SocketStream::shut_write() {
  if (ssl_ && SSL_is_init_finished(ssl_.get())) {
    clear_tls_errors();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(fd(), SHUT_WR);
}

void SocketStream::abort() const { ::shutdown(fd(), SHUT_RDWR); }

void SocketStream::reset_when_closed() const {
  linger at_once{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

bool SocketStream::peer_closed() const {
  pollfd state{fd(), POLLRDHUP, 0};
  return ::poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::string SocketStream::tls_error() const { return failure_; }

Result<short> wait_for(int fd, short events, std::int64_t deadline_ms, int wake_fd) {
  while (true) {
    std::int64_t left = deadline_ms - now_ms();
    if (left <= 0) return unavailable("the time is up");
    pollfd waits[2] = {{fd, events, 0}, {wake_fd, POLLIN, 0}};
    int ready = ::poll(waits, wake_fd >= 0 ? 2 : 1, static_cast<int>(std::min<std::int64_t>(left, 1 << 30)));
    if (ready < 0 && errno != EINTR) return unavailable("poll failed");
    if (ready <= 0) continue;
    if (waits[1].revents != 0) return unavailable("it was called off");
    return waits[0].revents;
  }
}

std::int64_t now_ms() { return system_clock().monotonic() / 1'000'000; }

}  // namespace millrace::http
