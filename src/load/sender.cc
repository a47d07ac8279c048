#include "load/sender.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::load {
namespace {

constexpr TimeNs kReconnectAfter = 20'000'000;
constexpr TimeNs kRestAfterRefusal = 5'000'000;  // closed loop only: an open loop has its schedule
constexpr TimeNs kLookAround = 50'000'000;       // longest wait: `stop` is looked at so often
constexpr TimeNs kGiveUpConnecting = 10'000'000'000;
constexpr std::size_t kEvents = 256;
constexpr std::size_t kSendsAtOnce = 8;

std::uint32_t share_of(std::uint32_t all, std::uint32_t parts, std::uint32_t index) {
  return std::max<std::uint32_t>(1, all / parts + (index < all % parts ? 1 : 0));
}

}  // namespace

Sender::Sender(const LoadOptions& options, std::uint32_t index, Slot& slot, Clock& clock)
    : options_(options),
      index_(index),
      open_loop_(options.rate > 0),
      schedule_(open_loop_ ? options.rate / options.batch : 1, std::min(options.ramp, options.duration),
                options.duration),
      limit_(std::min(open_loop_ ? schedule_.total() : UINT64_MAX,
                      options.requests_max > 0 ? options.requests_max : UINT64_MAX)),
      slot_(slot),
      clock_(clock),
      maker_(options.events, options.batch, options.seed, index),
      address_(nullptr, freeaddrinfo),
      connections_(share_of(options.connections, options.processes, index)),
      poll_(epoll_create1(EPOLL_CLOEXEC)),
      next_(index),
      piece_(64 << 10) {
  closed_ = connections_.size();
  idle_.reserve(connections_.size());
  prctl(PR_SET_TIMERSLACK, 1'000UL);  // ns: the kernel may else wake this thread 50 µs after a request was due
}

Sender::~Sender() {
  for (Connection& connection : connections_) {
    if (connection.fd >= 0) {
      close(connection.fd);
    }
  }
  close(poll_);
}

Result<void> Sender::find_address() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int error = getaddrinfo(options_.host.c_str(), options_.port.c_str(), &hints, &found);
  if (error != 0) {
    return invalid(fmt::format("{}:{}: {}", options_.host, options_.port, gai_strerror(error)));
  }
  address_.reset(found);
  return {};
}

Result<void> Sender::run(TimeNs begin, const std::atomic<bool>& stop) {
  MR_TRY(find_address());
  begin_ = begin;
  end_ = begin + options_.duration;
  for (;;) {
    TimeNs now = clock_.monotonic();
    if (!ever_connected_ && now > begin_ + kGiveUpConnecting) {
      return unavailable(fmt::format("no connection to {}:{}", options_.host, options_.port));
    }
    if (stop.load(std::memory_order_relaxed) || next_ >= limit_) {
      end_ = std::min(end_, now);
    }
    if (!fatal_.empty()) {
      end_ = std::min(end_, now);
    }
    if (!fatal_.empty() || now > end_ + options_.drain || (busy_ == 0 && now >= end_)) {
      break;
    }
    connect_closed(now);
    send_due();
    if (now < end_) {
      why_unsent_ = why_unsent();
    }
    wait_for_events(clock_.monotonic());
  }
  count_missing();
  return fatal_.empty() ? Result<void>() : invalid(fatal_);
}

void Sender::connect_closed(TimeNs now) {
  if (closed_ == 0 || now >= end_) {
    return;
  }
  for (Connection& connection : connections_) {
    if (connection.state == State::kClosed && now >= connection.rest_until) {
      connect(connection, now);
    }
  }
}

void Sender::connect(Connection& connection, TimeNs now) {
  connection.fd = socket(address_->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  connection.state = State::kConnecting;
  --closed_;
  int one = 1;
  setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT;
  event.data.u32 = static_cast<std::uint32_t>(&connection - connections_.data());
  epoll_ctl(poll_, EPOLL_CTL_ADD, connection.fd, &event);
  int result = ::connect(connection.fd, address_->ai_addr, address_->ai_addrlen);
  if (result != 0 && errno != EINPROGRESS) {
    broken(connection, now);
  }
}

void Sender::connected(Connection& connection) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return broken(connection, clock_.monotonic());
  }
  ever_connected_ = true;
  slot_.connected.store(true, std::memory_order_relaxed);
  slot_.totals.connects.add(1);
  connection.state = State::kIdle;
  connection.rest_until = 0;
  watch(connection, false);
  idle_.push_back(static_cast<std::uint32_t>(&connection - connections_.data()));
}

void Sender::watch(Connection& connection, bool also_writable) {
  epoll_event event{};
  event.events = also_writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u32 = static_cast<std::uint32_t>(&connection - connections_.data());
  epoll_ctl(poll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void Sender::broken(Connection& connection, TimeNs now) {
  if (connection.state == State::kBusy) {
    slot_.totals.unknown_requests.add(1);
    slot_.totals.unknown.add(connection.request.events);
    --busy_;
  } else if (connection.state == State::kIdle) {
    std::erase(idle_, static_cast<std::uint32_t>(&connection - connections_.data()));
  }
  close(connection.fd);
  connection.fd = -1;
  connection.state = State::kClosed;
  connection.rest_until = now + kReconnectAfter;
  connection.out.clear();
  connection.in.clear();
  ++closed_;
}

bool Sender::may_send(TimeNs now) const {
  return next_ < limit_ && now >= begin_ + (open_loop_ ? schedule_.due(next_) : 0);
}

void Sender::send_due() {
  // Who is behind its schedule still looks at answers in between: else its own sending would be what they wait for.
  for (std::size_t sent = 0; !idle_.empty() && sent < kSendsAtOnce; ++sent) {
    TimeNs now = clock_.monotonic();
    if (now >= end_ || !may_send(now)) {
      return;
    }
    Connection& connection = connections_[idle_.back()];
    if (connection.rest_until > now) {
      return;  // after a refusal; the others have rested as long
    }
    idle_.pop_back();
    send(connection, now);
  }
}

void Sender::send(Connection& connection, TimeNs now) {
  connection.due = open_loop_ ? begin_ + schedule_.due(next_) : now;
  connection.sent_at = now;
  next_ += options_.processes;
  connection.request = maker_.next(clock_.wall());
  connection.state = State::kBusy;
  ++busy_;
  std::string_view bytes = connection.request.bytes;
  ssize_t count = ::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN) {
    return broken(connection, now);
  }
  auto taken = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  if (taken < bytes.size()) {
    connection.out.assign(bytes.substr(taken));  // the maker needs its own bytes again
    connection.out_begin = 0;
    watch(connection, true);
  }
}

void Sender::write_more(Connection& connection) {
  std::string_view rest = std::string_view(connection.out).substr(connection.out_begin);
  ssize_t count = ::send(connection.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
  if (count < 0) {
    // What an answer says that came before the end of the request is still read.
    if (errno != EAGAIN) {
      connection.out.clear();
      watch(connection, false);
    }
    return;
  }
  connection.out_begin += static_cast<std::size_t>(count);
  if (connection.out_begin == connection.out.size()) {
    connection.out.clear();
    watch(connection, false);
  }
}

void Sender::read_more(Connection& connection) {
  ssize_t count = recv(connection.fd, piece_.data(), piece_.size(), 0);
  if (count < 0 && errno == EAGAIN) {
    return;
  }
  if (count <= 0 || connection.state != State::kBusy) {
    return broken(connection, clock_.monotonic());
  }
  std::string_view bytes(piece_.data(), static_cast<std::size_t>(count));
  if (!connection.in.empty()) {
    bytes = connection.in.append(bytes);
  }
  Answer answer = read_answer(bytes);
  if (answer.state == Answer::State::kMore) {
    if (connection.in.empty()) {
      connection.in.assign(bytes);
    }
    return;
  }
  if (answer.state == Answer::State::kStrange) {
    fatal_ = fmt::format("this is not Millrace's answer: {}", bytes.substr(0, 120));
    slot_.trouble.say(fatal_);
    return;
  }
  answered(connection, answer);
}

void Sender::answered(Connection& connection, const Answer& answer) {
  Totals& totals = slot_.totals;
  const Request& request = connection.request;
  TimeNs now = clock_.monotonic();
  bool all_bad = answer.status == 400 && request.malformed == request.events;
  bool refused = answer.status == 429 || answer.status == 503;
  note_silence(now, open_loop_ ? connection.due : begin_);
  slot_.answered_at.store(now, std::memory_order_relaxed);
  if (answer.status == 200 || all_bad) {
    totals.requests.add(1);
    totals.accepted.add(number_after(answer.body, "accepted"));
    totals.rejected.add(all_bad ? request.events : number_after(answer.body, "rejected_count"));
    totals.repeats.add(request.repeats);
    totals.malformed.add(request.malformed);
    totals.bytes.add(request.bytes.size());
    totals.latency.record(now - connection.due);
    totals.service.record(now - connection.sent_at);
    maker_.acknowledged(request);
  } else if (refused) {
    totals.refused_requests.add(1);
    totals.refused.add(request.events);
    totals.refusals.record(now - connection.sent_at);
  } else {
    totals.failed_requests.add(1);
    totals.failed.add(request.events);
    std::string text = fmt::format("status {}: {}", answer.status, answer.body.substr(0, 300));
    slot_.trouble.say(text);
    if (answer.status >= 400 && answer.status < 500 && answer.status != 408) {
      fatal_ = text;  // the next would be answered alike
    }
  }
  --busy_;
  connection.in.clear();
  connection.state = State::kIdle;
  if (answer.close || !connection.out.empty()) {
    connection.out.clear();
    idle_.push_back(static_cast<std::uint32_t>(&connection - connections_.data()));
    return broken(connection, now);
  }
  connection.rest_until = refused && !open_loop_ ? now + kRestAfterRefusal : 0;
  idle_.push_back(static_cast<std::uint32_t>(&connection - connections_.data()));
}

void Sender::wait_for_events(TimeNs now) {
  TimeNs wait = kLookAround;
  if (!idle_.empty() && now < end_) {
    if (open_loop_ && next_ < limit_) {
      wait = begin_ + schedule_.due(next_) - now;
    } else if (!open_loop_ && next_ < limit_) {
      wait = std::max(begin_, connections_[idle_.back()].rest_until) - now;
    }
  }
  if (closed_ > 0) {
    wait = std::min(wait, kReconnectAfter);
  }
  wait = std::clamp<TimeNs>(wait, 0, kLookAround);
  timespec timeout{wait / 1'000'000'000, wait % 1'000'000'000};
  epoll_event ready[kEvents];
  int count = epoll_pwait2(poll_, ready, static_cast<int>(kEvents), &timeout, nullptr);
  for (int i = 0; i < count; ++i) {
    Connection& connection = connections_[ready[i].data.u32];
    if (connection.state == State::kConnecting) {
      connected(connection);
      continue;
    }
    if ((ready[i].events & EPOLLOUT) != 0 && !connection.out.empty()) {
      write_more(connection);
    }
    if ((ready[i].events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 && connection.fd >= 0) {
      read_more(connection);
    }
  }
}

// Nothing was answered until `now`, and what was due at `due` was waiting.
void Sender::note_silence(TimeNs now, TimeNs due) {
  TimeNs silence = now - std::max(due, slot_.answered_at.load(std::memory_order_relaxed));
  if (silence > slot_.silence.load(std::memory_order_relaxed)) {
    slot_.silence.store(silence, std::memory_order_relaxed);
  }
}

Count Totals::*Sender::why_unsent() const {
  return !idle_.empty() ? &Totals::unsent_at_end : busy_ == 0 ? &Totals::unsent_unconnected : nullptr;
}

// A request that was due and not sent has waited at least until now: left out, it would make overload look fast.
void Sender::count_missing() {
  for (Connection& connection : connections_) {
    if (connection.state == State::kBusy) {
      note_silence(clock_.monotonic(), connection.due);
      broken(connection, clock_.monotonic());
    }
  }
  if (!open_loop_) {
    note_silence(end_, begin_);  // it wants to send all the time
  }
  for (; open_loop_ && next_ < limit_; next_ += options_.processes) {
    TimeNs due = begin_ + schedule_.due(next_);
    if (due >= end_) {
      return;
    }
    note_silence(end_, due);
    slot_.totals.unsent_requests.add(1);
    if (why_unsent_ != nullptr) {
      (slot_.totals.*why_unsent_).add(1);
    }
    slot_.totals.latency.record(end_ - due);
  }
}

}  // namespace millrace::load
