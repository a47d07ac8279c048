#include "http/connection.h"

#include <new>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/check.h"

namespace millrace::http {
namespace {

constexpr std::int64_t kNever = INT64_MAX;
constexpr std::size_t kRequestReadBytes = 4 << 10;
constexpr std::size_t kBodyReadBytes = 64 << 10;
constexpr std::size_t kKeptBytes = 64 << 10;     // of memory, by a connection between requests
constexpr std::size_t kDrainBytesMax = 1 << 20;  // read behind a refusal, so that the client sees it instead of a reset
constexpr std::int64_t kDrainMs = 2'000;
constexpr int kStepsAtOnce = 256;  // then the loop's other connections have their turn

constexpr Refusal kLargeBody{413, "body-too-large", "The body is larger than is taken here; send smaller batches."};
constexpr Refusal kBadChunks{400, "bad-framing", "The body's chunks are malformed."};
constexpr Refusal kSlowHead{408, "too-slow", "The request's head took too long."};
constexpr Refusal kSlowBody{408, "too-slow", "The request's body came too slowly."};
constexpr Refusal kDropped{500, "internal", "The request was dropped within the server; try again."};

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

bool ServerState::admit(const std::string& group) {
  std::lock_guard lock(mutex);
  if (connections >= limits.connections) return false;
  if (!group.empty()) {
    std::size_t& count = by_group[group];
    if (count >= limits.connections_per_address) return false;
    ++count;
  }
  ++connections;
  return true;
}

void ServerState::leave(const std::string& group) {
  std::lock_guard lock(mutex);
  --connections;
  if (!group.empty()) {
    auto found = by_group.find(group);
    if (--found->second == 0) by_group.erase(found);
  }
  left.notify_all();
}

Connection::Connection(std::shared_ptr<Loop> loop, ServerState& server, SocketStream stream, std::string peer,
                       std::string group)
    : loop_(std::move(loop)), server_(server), limits_(server.limits), group_(std::move(group)) {
  wire_.stream = std::move(stream);
  wire_.head.peer = std::move(peer);
}

void Connection::hand_back(std::shared_ptr<Connection> connection, Task task) {
  Connection& self = *connection;
  if (self.loop_->in_thread() && self.running_) {
    self.on_task(task);  // from within its own handler: no need to go through the mailbox
  } else {
    self.loop_->post(std::move(connection), task);
  }
}

void Connection::set_body_handler(std::unique_ptr<ServerExchange> idle, std::size_t bytes_max,
                                  Exchange::BodyHandler next) {
  idle_exchange_ = std::move(idle);
  body_bytes_max_ = bytes_max;
  next_ = std::move(next);
}

void Connection::on_task(Task task) {
  if (state_ == State::kClosed) return forget_body();  // too late: the connection has been closed meanwhile
  MR_CHECK(state_ == State::kHandler || task == Task::kStart || task == Task::kResume || task == Task::kTurn);
  switch (task) {
    case Task::kStart:
      loop_->add(shared_from_this());
      server_.metrics.add(Metric::kHttpConnections);
      deadline_ms_ = loop_->now() + limits_.header_ms;
      if (!loop_->watch(wire_.stream.fd(), *this, Loop::Trigger::kEdge)) return close();
      break;
    case Task::kResume:
      break;
    case Task::kTurn:
      deliver();
      break;
    case Task::kReply:
      begin_reply();
      break;
    case Task::kBody:
      begin_body();
      break;
    case Task::kEnded:
      server_.metrics.add(Metric::kHttpRequests);
      finish_request();
      break;
    case Task::kDropped:
      if (wire_.begun) return close(Ending::kReset);  // the client must see that the answer is cut off
      refuse(kDropped);
      break;
    case Task::kDetach:
      return detach();
  }
  advance();
}

void Connection::advance() {
  if (running_) return;
  running_ = true;
  int steps = 0;
  try {
    while (steps < kStepsAtOnce && step()) ++steps;
  } catch (const std::bad_alloc&) {
    close(Ending::kReset);  // this request is too much for now; the others go on
  }
  running_ = false;
  if (steps == kStepsAtOnce) loop_->post(shared_from_this(), Task::kResume);
}

// True when another step may get on.
bool Connection::step() {
  switch (state_) {
    case State::kHead:
      return step_head();
    case State::kBody:
      return step_body();
    case State::kWriting:
      return step_writing();
    case State::kDraining:
      return step_draining();
    case State::kHandler:
    case State::kReady:
    case State::kClosed:
      return false;
  }
  return false;
}

void Connection::on_events(std::uint32_t events) {
  if (state_ == State::kClosed) return;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  if (ended_ || (events & EPOLLIN) != 0) readable_ = true;
  advance();
}

// Reads what there is. True when something came.
bool Connection::fill(std::size_t wanted) {
  if (!readable_) return false;
  char* into = wire_.in.space(wanted);
  std::size_t room = wire_.in.room();
  SocketStream::Outcome outcome = wire_.stream.read(into, room);
  if (outcome.status == SocketStream::Status::kDone) wire_.in.filled(outcome.bytes);
  return has_come(outcome, room);
}

// What a read for `room` bytes found. True when something came.
bool Connection::has_come(SocketStream::Outcome outcome, std::size_t room) {
  switch (outcome.status) {
    case SocketStream::Status::kDone:
      // A plain socket that gave less than there was room for is empty, and tells when more comes.
      if (outcome.bytes < room && !wire_.stream.is_tls()) readable_ = ended_;
      return true;
    case SocketStream::Status::kWantRead:
      readable_ = false;
      return false;
    case SocketStream::Status::kWantWrite:
      return false;
    default:
      close();  // half a request is never acted upon
      return false;
  }
}

// Reads over what is left of the last request's body. True when something came.
bool Connection::skip_rest() {
  wire_.take_body();
  wire_.take_body();
  if (wire_.body_left == 0) return true;
  if (!readable_) return false;
  std::size_t wanted = std::min<std::uint64_t>(wire_.body_left, SocketStream::kDiscardBytes);
  SocketStream::Outcome outcome = wire_.stream.discard(wanted);
  if (outcome.status == SocketStream::Status::kDone) wire_.body_left -= outcome.bytes;
  return has_come(outcome, wanted);
}

bool Connection::step_head() {
  Wire& wire = wire_;
  if (wire.body_left > 0) return skip_rest();
  if (!empty_line_taken_ && wire.in.view().substr(0, 2) == "\r\n") {
    empty_line_taken_ = true;
    wire.in.consume(2);  // RFC 9112 section 2.2: some clients send an empty line behind a body
  }
  if (auto refusal = scan_head(wire.in.view(), limits_, scan_)) return refuse(*refusal);
  if (scan_.head_bytes == 0) {
    bool had_some = !wire.in.empty();
    if (!fill(kRequestReadBytes)) return false;
    if (!had_some) deadline_ms_ = loop_->now() + limits_.header_ms;
    return true;
  }
  auto refusal = parse_head(wire.in.view().substr(0, scan_.head_bytes), limits_, wire.head, wire.framing);
  if (refusal) return refuse(*refusal);
  wire.in.consume(scan_.head_bytes);
  wire.start_body(limits_);
  call_handler(std::make_unique<ServerExchange>(shared_from_this()));
  return true;
}

void Connection::call_handler(std::unique_ptr<ServerExchange> exchange) {
  state_ = State::kHandler;
  deadline_ms_ = kNever;
  server_.handler(std::move(exchange));
}

void Connection::begin_body() {
  Wire& wire = wire_;
  if (wire.body_left > body_bytes_max_) {
    refuse(kLargeBody);
    return;
  }
  state_ = State::kBody;
  body_.clear();
  waiting_since_ms_ = loop_->now();
  deadline_ms_ = waiting_since_ms_ + wire.pace.credit_ms();
  if (!std::exchange(wire.continue_due, false) || !wire.in.empty()) return;
  iovec piece = piece_of(kContinue);
  // These few bytes always fit: nothing else of an answer is in the socket's buffer.
  if (wire.stream.write({&piece, 1}).bytes != kContinue.size()) close();
}

bool Connection::step_body() {
  if (wire_.framing.chunked) return step_chunks();
  std::size_t have = wire_.in.view().size();
  if (have >= wire_.body_left) return body_is_here();
  return fill_body(static_cast<std::size_t>(std::min<std::uint64_t>(wire_.body_left - have, kBodyReadBytes)));
}

// Like fill(); what comes earns time.
bool Connection::fill_body(std::size_t wanted) {
  std::size_t had = wire_.in.view().size();
  if (!fill(wanted)) return false;
  std::int64_t now = loop_->now();
  wire_.pace.received(wire_.in.view().size() - had, now - waiting_since_ms_, limits_);
  waiting_since_ms_ = now;
  deadline_ms_ = now + wire_.pace.credit_ms();
  return true;
}

bool Connection::step_chunks() {
  for (std::string_view piece = wire_.take_body(); !piece.empty(); piece = wire_.take_body()) {
    if (piece.size() > body_bytes_max_ - body_.size()) return refuse(kLargeBody);
    body_.append(piece);
  }
  if (wire_.chunks.bad()) return refuse(kBadChunks);
  if (!wire_.chunks.done()) return fill_body(kRequestReadBytes);
  body_size_ = body_.size();
  body_.append(kBodyPaddingBytes, '\0');
  return body_is_here();
}

bool Connection::body_is_here() {
  state_ = State::kReady;
  deadline_ms_ = kNever;
  std::size_t bytes = wire_.framing.chunked ? body_size_ : static_cast<std::size_t>(wire_.body_left);
  Loop::Place where = std::exchange(first_, false) ? Loop::Place::kFirst : Loop::Place::kLast;
  return loop_->take_turn(shared_from_this(), bytes, where) && deliver();
}

bool Connection::deliver() {
  std::string_view body = wire_.framing.chunked ? std::string_view(body_).substr(0, body_size_) : wire_.take_body();
  state_ = State::kHandler;
  Exchange::BodyHandler next = std::move(next_);
  next_ = nullptr;
  std::unique_ptr<ServerExchange> exchange = std::move(idle_exchange_);
  exchange->arm(shared_from_this());
  next(std::move(exchange), body);
  return true;
}

void Connection::forget_body() {
  first_ = false;
  next_ = nullptr;
  idle_exchange_.reset();
}

// The server answers in the handler's stead.
bool Connection::refuse(const Refusal& refusal) {
  forget_body();
  wire_.response = problem(refusal.status, refusal.type, reason_phrase(refusal.status), refusal.detail);
  wire_.response.close = true;
  begin_reply();
  return true;
}

void Connection::begin_reply() {
  server_.metrics.add(Metric::kHttpRequests);
  Wire& wire = wire_;
  Response& response = wire.response;
  wire.keep = !response.close && wire.framing.http11 && wire.framing.keep_alive && wire.settle_body() &&
              !server_.draining.load(std::memory_order_relaxed);
  bool bare = has_no_body(response.status);
  wire.write_head(response.status, response.headers, bare ? std::string_view() : response.content_type,
                  bare ? -1 : static_cast<std::int64_t>(response.body.size()), response.any_origin);
  if (bare || wire.head.method == "HEAD") response.body.clear();
  sent_ = 0;
  state_ = State::kWriting;
  deadline_ms_ = loop_->now() + limits_.write_ms;
}

bool Connection::step_writing() {
  iovec both[2] = {piece_of(wire_.out), piece_of(wire_.response.body)};
  std::span<iovec> pieces = advance_pieces(both, sent_);
  if (!pieces.empty() && pieces.back().iov_len == 0) pieces = pieces.first(pieces.size() - 1);
  if (pieces.empty()) return finish_request();
  SocketStream::Outcome outcome = wire_.stream.write(pieces);
  switch (outcome.status) {
    case SocketStream::Status::kDone:
      sent_ += outcome.bytes;
      if (sent_ == wire_.out.size() + wire_.response.body.size()) return finish_request();
      deadline_ms_ = loop_->now() + limits_.write_ms;
      return true;
    case SocketStream::Status::kWantRead:
    case SocketStream::Status::kWantWrite:
      return false;
    default:
      close();
      return false;
  }
}

// The answer is out: on to the next request, or towards the end.
bool Connection::finish_request() {
  if (!wire_.keep || (server_.draining.load(std::memory_order_relaxed) && wire_.in.empty())) {
    begin_draining();
    return true;
  }
  wire_.settle_body();
  wire_.response.body.clear();
  wire_.in.trim(kKeptBytes);
  if (body_.capacity() > kKeptBytes) std::string().swap(body_);
  wire_.head.method.clear();
  scan_ = HeadScan();
  empty_line_taken_ = false;
  state_ = State::kHead;
  deadline_ms_ = loop_->now() + (wire_.body_left > 0 ? limits_.body_grace_ms
                                 : wire_.in.empty()  ? limits_.idle_ms
                                                     : limits_.header_ms);
  return true;
}

void Connection::begin_draining() {
  wire_.stream.shut_write();
  state_ = State::kDraining;
  drain_left_ = kDrainBytesMax;
  deadline_ms_ = loop_->now() + kDrainMs;
}

bool Connection::step_draining() {
  char scratch[16 << 10];
  ssize_t got = ::recv(wire_.stream.fd(), scratch, sizeof scratch, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
    return false;
  }
  if (got <= 0 || static_cast<std::size_t>(got) >= drain_left_) {
    close();
    return false;
  }
  drain_left_ -= static_cast<std::size_t>(got);
  return true;
}

void Connection::tick(std::int64_t now) {
  if (now < deadline_ms_) return;
  switch (state_) {
    case State::kHead:
      if (wire_.in.empty()) return close();
      refuse(kSlowHead);
      break;
    case State::kBody:
      refuse(kSlowBody);
      break;
    default:
      return close();
  }
  advance();
}

void Connection::drain() {
  if (state_ == State::kHead && wire_.in.empty()) close();
}

void Connection::close(Ending ending) {
  if (state_ == State::kClosed) return;
  std::shared_ptr<Connection> self = shared_from_this();
  bool lent = state_ == State::kHandler;
  state_ = State::kClosed;
  if (!lent) forget_body();
  ending == Ending::kReset ? wire_.stream.reset_when_closed() : wire_.stream.abort();
  leave();
}

void Connection::leave() {
  loop_->unwatch(wire_.stream.fd());
  loop_->remove(*this);
  server_.metrics.add(Metric::kHttpConnections, -1);
  server_.leave(group_);
}

void Connection::detach() {
  std::shared_ptr<Connection> self = shared_from_this();
  state_ = State::kClosed;
  leave();
  Exchange::DetachHandler next = std::exchange(detached_, nullptr);
  next(wire_.stream.take_fd().release());
}

}  // namespace millrace::http
