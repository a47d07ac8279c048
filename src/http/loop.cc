#include "http/loop.h"

#include <algorithm>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "http/connection.h"
#include "io/clock.h"

namespace millrace::http {
namespace {

constexpr std::int64_t kTurnNs = 1'000'000;

constexpr int kEventsAtOnce = 256;
constexpr std::size_t kRequestBytes = 4 << 10;  // what a request costs beside its body, as if it were more of that

std::int64_t now_ns() { return system_clock().monotonic(); }

}  // namespace

Loop::Loop(std::int64_t tick_ms)
    : tick_ms_(tick_ms), poll_(::epoll_create1(EPOLL_CLOEXEC)), bell_(::eventfd(0, EFD_CLOEXEC)) {
  MR_CHECK(poll_.get() >= 0 && bell_.get() >= 0);
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.ptr = nullptr;
  MR_CHECK(::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, bell_.get(), &event) == 0);
}

void Loop::run() {
  begin();
  while (!ended_) step(tick_ms_);
  closed_.clear();
}

void Loop::begin() {
  thread_ = std::this_thread::get_id();
  now_ms_ = next_tick_ms_ = now_ms();
}

bool Loop::step(std::int64_t wait_ms_max) {
  bool any = read_mailbox();
  if (ended_) return any;
  bool idle = !anybody_waits() && fall_asleep();
  any |= wait(idle ? std::clamp<std::int64_t>(next_tick_ms_ - now_ms_, 0, wait_ms_max) : 0);
  if (now_ms_ >= next_tick_ms_) tick();
  any |= anybody_waits();
  turn();
  return any;
}

bool Loop::wait(std::int64_t timeout_ms) {
  epoll_event events[kEventsAtOnce];
  int ready = ::epoll_wait(poll_.get(), events, kEventsAtOnce, static_cast<int>(timeout_ms));
  {
    std::lock_guard lock(mutex_);
    asleep_ = false;
  }
  now_ms_ = now_ms();
  for (int i = 0; i < ready; ++i) {
    auto* watched = static_cast<Watched*>(events[i].data.ptr);
    if (watched != nullptr) watched->on_events(events[i].events);
  }
  closed_.clear();
  return ready > 0;
}

bool Loop::watch(int fd, Watched& watched, Trigger trigger) {
  epoll_event event{};
  event.events = trigger == Trigger::kLevel ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watched;
  return ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Loop::unwatch(int fd) { (void)::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Loop::post(std::shared_ptr<Connection> connection, Task task) {
  bool ring = false;
  {
    std::lock_guard lock(mutex_);
    if (shut_) return;
    mailbox_.push_back({std::move(connection), task});
    ring = std::exchange(asleep_, false);
  }
  // Once for all letters that come while the loop is busy: a group commit answers hundreds of requests at once.
  if (ring) wake();
}

void Loop::call(std::function<void()> function) {
  bool ring = false;
  {
    std::lock_guard lock(mutex_);
    if (shut_) return;
    calls_.push_back(std::move(function));
    ring = std::exchange(asleep_, false);
  }
  if (ring) wake();
}

void Loop::wake() { MR_CHECK(::eventfd_write(bell_.get(), 1) == 0); }

bool Loop::read_mailbox() {
  std::vector<std::function<void()>> calls;
  {
    std::lock_guard lock(mutex_);
    reading_.swap(mailbox_);
    calls.swap(calls_);
  }
  for (Letter& letter : reading_) letter.connection->on_task(letter.task);
  bool any = !reading_.empty() || !calls.empty();
  reading_.clear();
  for (std::function<void()>& function : calls) function();
  return any;
}

// False when a letter has come meanwhile.
bool Loop::fall_asleep() {
  std::lock_guard lock(mutex_);
  asleep_ = mailbox_.empty() && calls_.empty();
  return asleep_;
}

void Loop::add(const std::shared_ptr<Connection>& connection) {
  connection->place = connections_.size();
  connections_.push_back(connection);
}

void Loop::remove(Connection& connection) {
  std::size_t place = connection.place;
  std::swap(connections_[place], connections_.back());
  connections_[place]->place = place;
  closed_.push_back(std::move(connections_.back()));
  connections_.pop_back();
}

void Loop::tick() {
  // A tick may close its connection, which moves the last one to its place: backwards, none is left out.
  for (std::size_t i = connections_.size(); i-- > 0;) {
    std::shared_ptr<Connection> connection = connections_[i];
    connection->tick(now_ms_);
  }
  next_tick_ms_ = now_ms_ + tick_ms_;
}

bool Loop::take_turn(const std::shared_ptr<Connection>& connection, std::size_t bytes, Place place) {
  std::int64_t now = now_ns();
  if (!std::exchange(turn_begun_, true)) turn_end_ns_ = now + kTurnNs;
  if (!anybody_waits() && now < turn_end_ns_) return true;
  if (!anybody_waits()) busy_since_ns_ = now;
  (place == Place::kFirst ? first_ : waiting_).push_back({connection, bytes + kRequestBytes});
  waiting_bytes_ += bytes + kRequestBytes;
  return false;
}

Loop::Waiting Loop::take_next() {
  std::deque<Waiting>& from = first_.empty() ? waiting_ : first_;
  Waiting next = std::move(from.front());
  from.pop_front();
  waiting_bytes_ -= next.bytes;
  return next;
}

// Behind everything that was ready.
void Loop::turn() {
  turn_begun_ = false;
  if (!anybody_waits()) return;
  turn_begun_ = true;  // what comes now waits behind the others
  std::int64_t now = now_ns();
  turn_end_ns_ = now + kTurnNs;
  std::size_t worked = 0;
  do {
    Waiting next = take_next();
    worked += next.bytes;
    next.connection->on_task(Task::kTurn);
    now = now_ns();
  } while (anybody_waits() && now < turn_end_ns_);
  rate_.worked(worked, now - std::exchange(busy_since_ns_, now));
  turn_begun_ = anybody_waits();
}

std::int64_t Loop::waiting_ms() const {
  return static_cast<std::int64_t>(static_cast<double>(waiting_bytes_) * rate_.ns_per_byte() / 1e6);
}

void Loop::drain() {
  for (std::size_t i = connections_.size(); i-- > 0;) {
    std::shared_ptr<Connection> connection = connections_[i];
    connection->drain();
  }
}

void Loop::close_all() {
  std::vector<Letter> unread;
  std::vector<std::function<void()>> uncalled;
  {
    std::lock_guard lock(mutex_);
    shut_ = true;
    unread.swap(mailbox_);
    uncalled.swap(calls_);
  }
  while (!connections_.empty()) {
    std::shared_ptr<Connection> connection = connections_.back();
    connection->close();
  }
  ended_ = true;
  first_.clear();
  waiting_.clear();
}

}  // namespace millrace::http
