#include "http/client.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/buffer.h"
#include "http/chunks.h"
#include "http/socket_stream.h"
#include "http/syntax.h"
#include "http/url.h"
#include "http/wire.h"

namespace millrace::http {
namespace {

constexpr std::size_t kAnswerReadBytes = 64 << 10;

using Status = SocketStream::Status;
using Piece = std::function<bool(std::string_view)>;

struct AddressListFree {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

class SocketClient final : public Client {
 public:
  SocketClient(Url url, TlsContext tls)
      : url_(std::move(url)), tls_(std::move(tls)), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    limits_.header_bytes = 256 << 10;
  }

  Result<ClientResponse> send(const ClientRequest& request, std::int64_t timeout_ms) override {
    return call(request, timeout_ms, nullptr);
  }

  Result<ClientResponse> stream(const ClientRequest& request, std::int64_t timeout_ms, const Piece& piece) override {
    return call(request, timeout_ms, &piece);
  }

  void cancel() override {
    std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

 private:
  enum class Sent { kNothing, kSome };

  Result<ClientResponse> call(const ClientRequest& request, std::int64_t timeout_ms, const Piece* piece) {
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);  // what was called off before isn't this call
    deadline_ms_ = now_ms() + timeout_ms;
    bool kept = connected_ && !stream_.pending() && in_.empty() && !has_news();
    if (!kept) disconnect();
    auto result = attempt(request, piece);
    if (result.ok() || !kept || answer_begun_ || now_ms() >= deadline_ms_ || called_off_) return result;
    // The server has closed the kept connection while the request was on its way.
    if (sent_ == Sent::kSome && request.method != "GET") return result;
    return attempt(request, piece);
  }

  // One try on one connection. Afterwards the connection is kept, or closed.
  Result<ClientResponse> attempt(const ClientRequest& request, const Piece* piece) {
    sent_ = Sent::kNothing;
    answer_begun_ = called_off_ = false;
    if (!connected_) {
      if (auto connected = connect(); !connected.ok()) {
        disconnect();
        return std::move(connected).error();
      }
    }
    auto result = exchange(request, piece);
    if (!result.ok() || !reusable_) disconnect();
    if (!result.ok() && result.error().code == Code::kUnavailable && sent_ == Sent::kSome) {
      return unknown_outcome(result.error().message);
    }
    return result;
  }

  // A kept connection must be silent: bytes or an end on it mean that the server has given it up.
  bool has_news() const {
    pollfd state{stream_.fd(), POLLIN, 0};
    return ::poll(&state, 1, 0) != 0;
  }

  void disconnect() {
    connected_ = false;
    stream_ = SocketStream::plain(UniqueFd());
    in_ = Buffer();
  }

  Result<void> wait(Status why) {
    auto ready = wait_for(stream_.fd(), why == Status::kWantRead ? POLLIN : POLLOUT, deadline_ms_, wake_.get());
    if (ready.ok()) return {};
    called_off_ = true;
    return std::move(ready).error();
  }

  Result<void> connect() {
    if (!url_.unix_path.empty()) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      if (url_.unix_path.size() >= sizeof address.sun_path)
        return invalid("the socket's path is too long: " + url_.unix_path);
      std::memcpy(address.sun_path, url_.unix_path.data(), url_.unix_path.size());
      return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (int error = ::getaddrinfo(url_.host.c_str(), url_.port.c_str(), &hints, &found); error != 0) {
      return unavailable("can't find " + url_.host + ": " + ::gai_strerror(error));
    }
    std::unique_ptr<addrinfo, AddressListFree> list(found);
    Result<void> result = unavailable("no address of " + url_.host);
    for (addrinfo* at = found; at != nullptr && !connected_ && !called_off_; at = at->ai_next) {
      result = connect_to(at->ai_family, at->ai_addr, at->ai_addrlen);
    }
    return result;
  }

  Result<void> connect_to(int family, const sockaddr* address, socklen_t size) {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return connect_error(errno);
    int on = 1;
    if (family != AF_UNIX) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int error = ::connect(fd.get(), address, size) == 0 ? 0 : errno;
    stream_ = SocketStream::plain(std::move(fd));
    if (error == EINPROGRESS) {
      MR_TRY(wait(Status::kWantWrite));
      socklen_t error_size = sizeof error;
      ::getsockopt(stream_.fd(), SOL_SOCKET, SO_ERROR, &error, &error_size);
    }
    if (error != 0) return connect_error(error);
    if (tls_) MR_TRY(begin_tls());
    connected_ = true;
    return {};
  }

  Error connect_error(int error) const {
    std::string where = url_.unix_path.empty() ? url_.host + ":" + url_.port : url_.unix_path;
    return unavailable("can't connect to " + where + ": " + std::strerror(error));
  }

  Result<void> begin_tls() {
    MR_ASSIGN(stream_, SocketStream::connect_tls(stream_.take_fd(), tls_.get(), url_.host));
    while (true) {
      SocketStream::Outcome outcome = stream_.handshake();
      if (outcome.status == Status::kDone) return {};
      if (outcome.status != Status::kWantRead && outcome.status != Status::kWantWrite) {
        return unavailable("no TLS with " + url_.host + ": " + stream_.tls_error());
      }
      MR_TRY(wait(outcome.status));
    }
  }

  std::string request_head(const ClientRequest& request) const {
    std::size_t length = 0;
    for (std::string_view piece : request.body) length += piece.size();
    std::string head =
        request.method + " " + url_.path + request.target + " HTTP/1.1\r\nHost: " + url_.host_field + "\r\n";
    if (!url_.authorization.empty()) head += "Authorization: " + url_.authorization + "\r\n";
    for (const auto& [name, value] : request.headers) head += name + ": " + value + "\r\n";
    bool bodiless = length == 0 && (request.method == "GET" || request.method == "HEAD");
    if (!bodiless) head += "Content-Length: " + std::to_string(length) + "\r\n";
    return head + "\r\n";
  }

  // A line break in them would send another request than was meant.
  static bool well_formed(const ClientRequest& request) {
    Head parsed;
    if (!is_token(request.method) || !parse_target(request.target, parsed)) return false;
    for (const auto& [name, value] : request.headers) {
      if (!is_token(name) || !is_field_value(value)) return false;
    }
    return true;
  }

  Result<ClientResponse> exchange(const ClientRequest& request, const Piece* piece) {
    reusable_ = false;
    if (!well_formed(request))
      return invalid("the request's method, target or a header holds bytes that have no place there");
    MR_TRY(write_request(request));
    AnswerHead head;
    do {
      MR_TRY(read_head(head));
    } while (head.status < 200);
    ClientResponse response;
    response.status = head.status;
    response.headers = std::move(head.fields);
    bool streamed = piece != nullptr && head.status < 300;
    bool whole = true;
    Piece append = [&](std::string_view bytes) {
      if (bytes.size() > request.answer_bytes_max - response.body.size()) return whole = false;
      response.body.append(bytes);
      return true;
    };
    MR_TRY(read_body(request, head, streamed ? *piece : append));
    if (!whole) return unavailable("the answer is larger than " + std::to_string(request.answer_bytes_max) + " bytes");
    return response;
  }

  // An early answer (a refusal) ends the sending; it is read behind this.
  Result<void> write_request(const ClientRequest& request) {
    std::string head = request_head(request);
    std::vector<iovec> all{piece_of(head)};
    for (std::string_view piece : request.body) all.push_back(piece_of(piece));
    std::span<iovec> pieces = all;
    while (!(pieces = advance_pieces(pieces, 0)).empty()) {
      SocketStream::Outcome outcome = stream_.write(pieces.first(std::min<std::size_t>(pieces.size(), 64)));
      if (outcome.status == Status::kDone) {
        sent_ = Sent::kSome;
        pieces = advance_pieces(pieces, outcome.bytes);
        continue;
      }
      if (outcome.status == Status::kWantRead || outcome.status == Status::kWantWrite) {
        MR_ASSIGN(bool answered, wait_to_send(outcome.status));
        if (answered) return stop_sending();
        continue;
      }
      if (sent_ == Sent::kNothing) return unavailable("the server closed the connection");
      return stop_sending();
    }
    cut_short_ = false;
    return {};
  }

  // True when the server answers, or ends the connection, before it has the whole request. What can be read may also be
  // TLS's own business.
  Result<bool> wait_to_send(Status why) {
    short events = static_cast<short>(why == Status::kWantWrite ? POLLIN | POLLOUT : POLLIN);
    auto ready = wait_for(stream_.fd(), events, deadline_ms_, wake_.get());
    if (!ready.ok()) {
      called_off_ = true;
      return std::move(ready).error();
    }
    if ((*ready & ~POLLOUT) == 0) return false;
    char* into = in_.space(kAnswerReadBytes);
    SocketStream::Outcome outcome = stream_.read(into, in_.room());
    if (outcome.status == Status::kWantRead || outcome.status == Status::kWantWrite) return false;
    in_.filled(outcome.bytes);
    answer_begun_ = outcome.bytes > 0;
    return true;
  }

  Result<void> stop_sending() {
    cut_short_ = true;
    return {};
  }

  // Adds what comes next to in_. Nothing at the end of the connection.
  Result<std::size_t> receive() {
    while (true) {
      char* into = in_.space(kAnswerReadBytes);
      SocketStream::Outcome outcome = stream_.read(into, in_.room());
      switch (outcome.status) {
        case Status::kDone:
          in_.filled(outcome.bytes);
          answer_begun_ = true;
          return outcome.bytes;
        case Status::kEnd:
          return std::size_t{0};
        case Status::kWantRead:
        case Status::kWantWrite:
          MR_TRY(wait(outcome.status));
          continue;
        case Status::kFailed:
          return unavailable("the connection broke before the answer was whole");
      }
    }
  }

  Result<void> receive_more() {
    MR_ASSIGN(std::size_t bytes, receive());
    if (bytes == 0) return unavailable("the server closed the connection before the answer was whole");
    return {};
  }

  Result<void> read_head(AnswerHead& head) {
    HeadScan scan;
    while (scan.head_bytes == 0) {
      if (scan_head(in_.view(), limits_, scan)) return unavailable("the answer is not HTTP");
      if (scan.head_bytes == 0) MR_TRY(receive_more());
    }
    head = AnswerHead();
    if (!parse_answer_head(in_.view().substr(0, scan.head_bytes), head)) return unavailable("the answer is not HTTP");
    in_.consume(scan.head_bytes);
    return {};
  }

  Result<void> read_body(const ClientRequest& request, const AnswerHead& head, const Piece& piece) {
    bool more = true;
    bool to_the_end = false;
    if (request.method == "HEAD" || head.status == 204 || head.status == 304) {
      // No body, whatever the head says.
    } else if (head.framing.chunked) {
      MR_TRY(read_chunks(piece, more));
    } else if (head.content_length >= 0) {
      MR_TRY(read_length(static_cast<std::uint64_t>(head.content_length), piece, more));
    } else {
      to_the_end = true;
      MR_TRY(read_to_end(piece, more));
    }
    reusable_ = more && !to_the_end && !cut_short_ && head.framing.keep_alive;
    return {};
  }

  Result<void> read_chunks(const Piece& piece, bool& more) {
    ChunkDecoder chunks;
    while (more && !chunks.done()) {
      ChunkDecoder::Step step = chunks.step(in_.view());
      if (!step.data.empty()) more = piece(step.data);
      in_.consume(step.consumed);
      if (chunks.bad()) return unavailable("the answer's chunks are malformed");
      if (step.consumed == 0 && !chunks.done()) MR_TRY(receive_more());
    }
    return {};
  }

  Result<void> read_length(std::uint64_t left, const Piece& piece, bool& more) {
    while (more && left > 0) {
      if (in_.empty()) MR_TRY(receive_more());
      auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, in_.view().size()));
      more = piece(in_.view().substr(0, size));
      in_.consume(size);
      left -= size;
    }
    return {};
  }

  Result<void> read_to_end(const Piece& piece, bool& more) {
    while (more) {
      if (!in_.empty()) more = piece(in_.view());
      in_.consume(in_.view().size());
      if (!more) break;
      MR_ASSIGN(std::size_t bytes, receive());
      if (bytes == 0) break;
    }
    return {};
  }

  const Url url_;
  const TlsContext tls_;
  const UniqueFd wake_;  // cancel() makes it readable
  Limits limits_;
  SocketStream stream_ = SocketStream::plain(UniqueFd());
  bool connected_ = false;
  Buffer in_;
  std::int64_t deadline_ms_ = 0;

  // Of the attempt under way.
  Sent sent_ = Sent::kNothing;
  bool answer_begun_ = false;
  bool called_off_ = false;  // by cancel() or the deadline
  bool cut_short_ = false;   // not all of the request was sent
  bool reusable_ = false;
};

}  // namespace

Result<std::unique_ptr<Client>> Client::create(const std::string& url) {
  MR_ASSIGN(Url parsed, parse_url(url));
  TlsContext tls;
  if (parsed.tls) {
    MR_ASSIGN(tls, client_tls());
  }
  return std::unique_ptr<Client>(std::make_unique<SocketClient>(std::move(parsed), std::move(tls)));
}

}  // namespace millrace::http
