#include "http/reactor.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/append_format.h"
#include "base/log.h"

namespace millrace::http {
namespace {

constexpr int kReadyAtOnce = 512;
constexpr int kTickMs = 1'000;
constexpr int kTakenAtOnce = 16;        // messages with sockets, before others are looked after
constexpr std::size_t kTakeEvery = 64;  // readers that were written to
constexpr int kWaitingBytes = 1 << 20;  // of sockets that are on their way to the reactor
constexpr int kSendBytes = 128 << 10;   // of a reader's socket: bounds what the kernel keeps for one that is slow
constexpr std::string_view kComment = ":\n\n";

void close_all_but(const std::vector<int>& kept) {
  unsigned from = 3;
  for (int one : kept) {
    auto here = static_cast<unsigned>(one);
    if (here > from) ::close_range(from, here - 1, 0);
    from = std::max(from, here + 1);
  }
  ::close_range(from, ~0U, 0);
}

void watch(int poller, int fd, std::uint32_t events, void* whose) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = whose;
  ::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

Result<std::unique_ptr<Reactor>> Reactor::start(const FanOutLimits& limits, Metrics& metrics) {
  std::unique_ptr<Reactor> reactor(new Reactor(limits, metrics));
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
    return unavailable(fmt::format("no sockets for a reactor: {}", std::strerror(errno)));
  }
  reactor->in_.reset(pair[0]);
  reactor->out_.reset(pair[1]);
  ::setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &kWaitingBytes, sizeof kWaitingBytes);
  reactor->bell_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  reactor->bell_number_ = reactor->bell_.get();
  if (reactor->bell_number_ < 0) {
    return unavailable(fmt::format("no descriptor for a reactor: {}", std::strerror(errno)));
  }
  reactor->thread_.emplace("live", [raw = reactor.get()] { raw->run(); });
  std::unique_lock lock(reactor->mutex_);
  reactor->ready_changed_.wait(lock, [&] { return reactor->ready_; });
  return reactor;
}

Reactor::~Reactor() {
  stopping_ = true;
  wake();
  thread_.reset();
}

// A table of descriptors of the thread's own, without everybody else's sockets and files: else these would live on
// here after they were closed there. Where the system refuses, the table is shared.
void Reactor::own_descriptors() {
  if (::unshare(CLONE_FILES) != 0) {
    log_warning("live viewers share the process's descriptors", {{"reason", std::strerror(errno)}});
    return;
  }
  std::vector<int> kept = {in_.get(), bell_number_};
  std::sort(kept.begin(), kept.end());
  close_all_but(kept);
}

void Reactor::run() {
  stand_back();  // events are taken first: a viewer who is late gets the newest state
  int in = in_.get();
  own_descriptors();
  poller_.reset(::epoll_create1(EPOLL_CLOEXEC));
  watch(poller_.get(), in, EPOLLIN, nullptr);
  watch(poller_.get(), bell_number_, EPOLLIN, this);
  {
    std::lock_guard lock(mutex_);
    ready_ = true;
    ready_changed_.notify_all();
  }
  std::int64_t next_tick = now_ms() + kTickMs;
  std::vector<epoll_event> events(kReadyAtOnce);
  while (!stopping_) {
    int wait = static_cast<int>(std::clamp<std::int64_t>(next_tick - now_ms(), 0, kTickMs));
    int count = ::epoll_wait(poller_.get(), events.data(), kReadyAtOnce, wait);
    for (int i = 0; i < count; ++i) {
      void* whose = events[static_cast<std::size_t>(i)].data.ptr;
      if (whose == nullptr) {
        for (int some = 0; some < kTakenAtOnce && take_sockets();) ++some;
      } else if (whose == this) {
        std::uint64_t rings = 0;
        (void)!::read(bell_number_, &rings, sizeof rings);
        look_at_channels();
      } else {
        on_event(*static_cast<Viewer*>(whose), events[static_cast<std::size_t>(i)].events);
      }
    }
    closed_.clear();
    if (std::int64_t now = now_ms(); now >= next_tick) {
      tick(now);
      closed_.clear();
      next_tick = now + kTickMs;
    }
  }
  while (take_sockets()) continue;  // or what is on its way would never be freed
  while (!viewers_.empty()) close(*viewers_.back());
  closed_.clear();
  poller_.reset(-1);  // of this thread's table, like everything above
}

bool Reactor::add(std::deque<Coming>& coming, std::size_t count) {
  Reader* readers[kAtOnce];
  int sockets[kAtOnce];
  for (std::size_t i = 0; i < count; ++i) {
    readers[i] = coming[i].reader.get();
    sockets[i] = coming[i].socket.get();
  }
  iovec piece{readers, count * sizeof readers[0]};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof sockets)] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(count * sizeof sockets[0]);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof sockets[0]);
  std::memcpy(CMSG_DATA(header), sockets, count * sizeof sockets[0]);
  count_readers(static_cast<std::ptrdiff_t>(count));
  if (::sendmsg(out_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) != static_cast<ssize_t>(piece.iov_len)) {
    count_readers(-static_cast<std::ptrdiff_t>(count));
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    (void)coming.front().reader.release();  // the reactor has it, and a copy of the socket
    coming.pop_front();
  }
  return true;
}

void Reactor::count_readers(std::ptrdiff_t more) {
  readers_.fetch_add(static_cast<std::size_t>(more), std::memory_order_relaxed);
  metrics_.add(Metric::kLiveViewers, more);
}

void Reactor::wake() {
  std::uint64_t one = 1;
  (void)!::write(bell_number_, &one, sizeof one);
}

bool Reactor::take_sockets() {
  Reader* readers[kAtOnce];
  int sockets[kAtOnce];
  iovec piece{readers, sizeof readers};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof sockets)];
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t got = ::recvmsg(in_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got <= 0) return false;
  std::size_t count = static_cast<std::size_t>(got) / sizeof readers[0];
  std::size_t came = 0;  // less when this table is full
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    came = (header->cmsg_len - CMSG_LEN(0)) / sizeof sockets[0];
    std::memcpy(sockets, CMSG_DATA(header), came * sizeof sockets[0]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::unique_ptr<Reader> reader(readers[i]);
    if (i < came) {
      begin(UniqueFd(sockets[i]), std::move(reader));
    } else {
      count_readers(-1);
    }
  }
  return true;
}

void Reactor::begin(UniqueFd socket, std::unique_ptr<Reader> reader) {
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &kSendBytes, sizeof kSendBytes);
  auto made = std::make_unique<Viewer>();
  Viewer& viewer = *made;
  viewer.socket = std::move(socket);
  viewer.index = static_cast<std::uint32_t>(viewers_.size());
  viewer.since_ms = now_ms();
  viewer.before = std::move(reader->first);
  viewer.id = std::move(reader->id);
  viewer.pass = std::move(reader->pass);
  viewer.frame = std::make_shared<const Frame>();
  viewers_.push_back(std::move(made));
  viewer.places.reserve(reader->places.size());
  for (Reader::Place& place : reader->places) {
    Followed& followed = channels_[place.channel.get()];
    if (followed.viewers.empty()) followed.newest = place.channel->newest();
    viewer.places.push_back({std::move(place), static_cast<std::uint32_t>(followed.viewers.size())});
    followed.viewers.push_back(&viewer);
  }
  watch(poller_.get(), viewer.socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, &viewer);
  pump(viewer);
}

void Reactor::on_event(Viewer& viewer, std::uint32_t events) {
  if (viewer.socket.get() < 0) return;  // closed by an earlier event of this wait
  if ((events & EPOLLIN) != 0) {
    char scratch[4096];  // nothing that a reader sends means anything
    ssize_t got = 0;
    while ((got = ::recv(viewer.socket.get(), scratch, sizeof scratch, MSG_DONTWAIT)) > 0) continue;
    if (got == 0) events |= EPOLLHUP;
  }
  if ((events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0) return close(viewer);
  if ((events & EPOLLOUT) != 0 && !viewer.writable) {
    viewer.writable = true;
    viewer.since_ms = now_ms();
    pump(viewer);
  }
}

void Reactor::look_at_channels() {
  // Those that nobody reads any more may be gone.
  std::erase_if(channels_, [](const auto& entry) { return entry.second.viewers.empty(); });
  std::vector<std::pair<Channel*, Followed*>> changed;  // sockets that are taken meanwhile may bring channels
  for (auto& [channel, followed] : channels_) {
    std::uint64_t newest = channel->newest();
    if (std::exchange(followed.newest, newest) != newest || newest == 0) changed.emplace_back(channel, &followed);
  }
  for (auto [channel, followed] : changed) {
    Common common;
    // A reader that is closed moves the last one to its place: backwards, none is left out.
    for (std::size_t i = followed->viewers.size(); i-- > 0;) {
      if (i >= followed->viewers.size() || followed->viewers[i]->socket.get() < 0) continue;
      if (!send_common(*followed->viewers[i], *channel, common)) pump(*followed->viewers[i]);
      if (i % kTakeEvery == 0) take_sockets();  // their number is bounded while they wait
    }
    metrics_.add(Metric::kLiveFrames, common.sent);
  }
}

// Most readers of a channel have one place, and the frame before the newest: they all get the same bytes, at once.
// False when this one is not of them.
bool Reactor::send_common(Viewer& viewer, const Channel& channel, Common& common) {
  if (viewer.places.size() != 1 || viewer.frame != nullptr || !viewer.writable) return false;
  Place& place = viewer.places.front();
  if (common.bytes.empty() || place.after != common.after || viewer.id != common.id) {
    FramePtr frame = channel.next(place.after);
    if (frame == nullptr || frame->number != place.after + 1) return false;
    common.after = place.after;
    common.id = viewer.id;
    common.bytes = fmt::format("id: {}.{}\n", viewer.id, frame->number);
    common.head = common.bytes.size();
    common.bytes += frame->bytes;
    common.frame = std::move(frame);
  }
  ssize_t sent = ::send(viewer.socket.get(), common.bytes.data(), common.bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    close(viewer);
    return true;
  }
  auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  place.after = common.frame->number;
  viewer.since_ms = now_ms();
  if (taken == common.bytes.size()) {
    ++common.sent;
    return channel.newest() == place.after;  // else there is more for it
  }
  viewer.frame = common.frame;
  viewer.before = common.bytes.substr(std::min(taken, common.head), common.head - std::min(taken, common.head));
  viewer.offset = taken - std::min(taken, common.head);
  viewer.writable = false;
  return true;
}

void Reactor::pump(Viewer& viewer) {
  while (viewer.writable) {
    if (viewer.frame == nullptr && !choose(viewer)) return;
    if (!write(viewer)) return;
  }
}

// The next frame of the first channel that has one.
bool Reactor::choose(Viewer& viewer) {
  for (Place& place : viewer.places) {
    FramePtr frame = place.channel->next(place.after);
    if (frame == nullptr) continue;
    if (place.after != 0 && frame->number > place.after + 1) {
      metrics_.add(Metric::kLiveSkipped, static_cast<std::int64_t>(frame->number - place.after - 1));
    }
    place.after = frame->number;
    viewer.frame = std::move(frame);
    viewer.offset = 0;
    viewer.before.clear();
    append_format(viewer.before, "id: {}", viewer.id);
    for (const Place& each : viewer.places) append_format(viewer.before, ".{}", each.after);
    viewer.before += '\n';
    return true;
  }
  return false;
}

// False when the socket takes no more, or is gone.
bool Reactor::write(Viewer& viewer) {
  const std::string& bytes = viewer.frame->bytes;
  iovec pieces[2] = {{viewer.before.data(), viewer.before.size()},
                     {const_cast<char*>(bytes.data()) + viewer.offset, bytes.size() - viewer.offset}};
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  std::size_t wanted = pieces[0].iov_len + pieces[1].iov_len;
  ssize_t sent = ::sendmsg(viewer.socket.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) {
    close(viewer);
    return false;
  }
  auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  std::size_t of_before = std::min(taken, viewer.before.size());
  viewer.before.erase(0, of_before);
  viewer.offset += taken - of_before;
  if (taken == wanted) {
    if (viewer.frame->number > 0) metrics_.add(Metric::kLiveFrames);
    viewer.frame.reset();
    std::string().swap(viewer.before);
    viewer.since_ms = now_ms();
    return true;
  }
  viewer.writable = false;
  viewer.since_ms = now_ms();
  return false;
}

void Reactor::tick(std::int64_t now) {
  for (std::size_t i = viewers_.size(); i-- > 0;) {
    Viewer& viewer = *viewers_[i];
    std::int64_t quiet = now - viewer.since_ms;
    bool ended = viewer.pass != nullptr && viewer.pass->ended.load(std::memory_order_relaxed);
    if (ended || (!viewer.writable && quiet > limits_.stall_ms)) {
      close(viewer);
    } else if (viewer.writable && viewer.frame == nullptr && quiet > limits_.comment_ms) {
      viewer.since_ms = now;
      ssize_t sent = ::send(viewer.socket.get(), kComment.data(), kComment.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0 && sent < static_cast<ssize_t>(kComment.size())) {
        viewer.before = kComment.substr(static_cast<std::size_t>(sent));
        viewer.frame = std::make_shared<const Frame>();
        viewer.offset = 0;
        viewer.writable = false;
      }
    }
  }
}

void Reactor::close(Viewer& viewer) {
  for (Place& place : viewer.places) {
    std::vector<Viewer*>& followers = channels_[place.channel.get()].viewers;
    Viewer* last = followers.back();
    auto its_place = [&](const Place& one) { return one.channel == place.channel && one.slot + 1 == followers.size(); };
    std::find_if(last->places.begin(), last->places.end(), its_place)->slot = place.slot;
    followers[place.slot] = last;
    followers.pop_back();
  }
  viewer.socket.reset(-1);
  std::uint32_t index = viewer.index;
  closed_.push_back(std::move(viewers_[index]));
  if (index + 1 < viewers_.size()) {
    viewers_[index] = std::move(viewers_.back());
    viewers_[index]->index = index;
  }
  viewers_.pop_back();
  count_readers(-1);
}

}  // namespace millrace::http
