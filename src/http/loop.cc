#include "http/loop.h"

#include <boost/asio/post.hpp>

#include "http/connection.h"
#include "io/clock.h"

namespace millrace::http {
namespace {

constexpr std::int64_t kTurnNs = 1'000'000;

std::int64_t now_ns() { return system_clock().monotonic(); }

}  // namespace

void Loop::run() {
  thread_ = std::this_thread::get_id();
  tick();
  context_.run();
}

void Loop::post(std::shared_ptr<Connection> connection, Task task) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    if (shut_) return;
    first = mailbox_.empty();
    mailbox_.push_back({std::move(connection), task});
  }
  // One wake-up for all letters that come while the loop is busy: a group commit answers hundreds of requests at once.
  if (first) boost::asio::post(context_, [this] { read_mailbox(); });
}

void Loop::read_mailbox() {
  {
    std::lock_guard lock(mutex_);
    reading_.swap(mailbox_);
  }
  for (Letter& letter : reading_) letter.connection->on_task(letter.task);
  reading_.clear();
}

void Loop::add(const std::shared_ptr<Connection>& connection) {
  connection->place = connections_.size();
  connections_.push_back(connection);
}

void Loop::remove(Connection& connection) {
  std::size_t place = connection.place;
  std::swap(connections_[place], connections_.back());
  connections_[place]->place = place;
  connections_.pop_back();
}

void Loop::tick() {
  if (ended_) return;
  std::int64_t now = now_ms();
  // A tick may close its connection, which moves the last one to its place: backwards, none is left out.
  for (std::size_t i = connections_.size(); i-- > 0;) {
    std::shared_ptr<Connection> connection = connections_[i];
    connection->tick(now);
  }
  timer_.expires_after(std::chrono::milliseconds(tick_ms_));
  timer_.async_wait([this](const boost::system::error_code&) { tick(); });
}

bool Loop::take_turn(const std::shared_ptr<Connection>& connection) {
  std::int64_t now = now_ns();
  if (!turn_posted_) {
    turn_posted_ = true;
    turn_end_ns_ = now + kTurnNs;
    boost::asio::post(context_, [this] { turn(); });  // behind everything that is ready now
  }
  if (waiting_.empty() && now < turn_end_ns_) return true;
  waiting_.push_back({connection, now});
  return false;
}

void Loop::turn() {
  turn_end_ns_ = now_ns() + kTurnNs;
  while (!waiting_.empty()) {
    std::shared_ptr<Connection> connection = std::move(waiting_.front().connection);
    waiting_.pop_front();
    connection->on_task(Task::kTurn);
    if (now_ns() >= turn_end_ns_) break;
  }
  turn_posted_ = !waiting_.empty();
  if (turn_posted_) boost::asio::post(context_, [this] { turn(); });
}

std::int64_t Loop::waiting_ms() const {
  return waiting_.empty() ? 0 : (now_ns() - waiting_.front().since_ns) / 1'000'000;
}

void Loop::drain() {
  for (std::size_t i = connections_.size(); i-- > 0;) {
    std::shared_ptr<Connection> connection = connections_[i];
    connection->drain();
  }
}

void Loop::close_all() {
  std::vector<Letter> unread;
  {
    std::lock_guard lock(mutex_);
    shut_ = true;
    unread.swap(mailbox_);
  }
  while (!connections_.empty()) {
    std::shared_ptr<Connection> connection = connections_.back();
    connection->close();
  }
  ended_ = true;
  waiting_.clear();
  timer_.cancel();
}

}  // namespace millrace::http
