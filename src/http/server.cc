#include "http/server.h"

#include <cerrno>

#include <unistd.h>

#include "base/check.h"
#include "http/connection.h"
#include "http/listen.h"
#include "http/loop.h"
#include "io/thread.h"

namespace millrace::http {
namespace {

constexpr int kAcceptsAtOnce = 64;
constexpr std::string_view kTooMany =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

// Looks at deadlines four times within the shortest of them.
std::int64_t tick_ms(const Limits& limits) {
  std::int64_t shortest = std::min({limits.header_ms, limits.body_grace_ms, limits.idle_ms, limits.write_ms});
  return std::clamp<std::int64_t>(shortest / 4, 5, 250);
}

// Takes connections in the first loop's thread and deals them out to all loops in turn.
class Acceptor final : public Watched {
 public:
  Acceptor(Listener listener, TlsContext tls, ServerState& state, std::vector<std::shared_ptr<Loop>>& loops)
      : listener_(std::move(listener)),
        tls_(std::move(tls)),
        state_(state),
        loops_(loops),
        spare_(::dup(listener_.fd.get())) {
    limited_ = listener_.address.compare(0, 5, "unix:") != 0;
    MR_CHECK(loops_[0]->watch(listener_.fd.get(), *this, Loop::Trigger::kLevel));
  }
  ~Acceptor() override { close(); }

  const std::string& address() const { return listener_.address; }

  // In the first loop's thread, or when it has ended.
  void close() {
    if (listener_.fd.get() < 0) return;
    loops_[0]->unwatch(listener_.fd.get());
    if (!listener_.unix_path.empty()) ::unlink(listener_.unix_path.c_str());  // before others find it dead
    spare_.reset(-1);
    listener_.fd.reset(-1);
  }

  void on_events(std::uint32_t) override {
    if (listener_.fd.get() < 0) return;
    for (int i = 0; i < kAcceptsAtOnce && accept_one(); ++i) continue;
  }

 private:
  bool accept_one() {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    UniqueFd fd(
        ::accept4(listener_.fd.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() < 0)
      return errno == EMFILE || errno == ENFILE ? refuse_one() : errno == EINTR || errno == ECONNABORTED;
    std::string group = limited_ ? peer_group(address) : "";
    if (!state_.admit(group)) {
      if (!tls_) (void)::send(fd.get(), kTooMany.data(), kTooMany.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      return true;
    }
    auto stream = tls_ ? SocketStream::accept_tls(std::move(fd), tls_.get()) : SocketStream::plain(std::move(fd));
    if (!stream.ok()) {
      state_.leave(group);
      return true;
    }
    const std::shared_ptr<Loop>& loop = loops_[next_++ % loops_.size()];
    loop->post(std::make_shared<Connection>(loop, state_, std::move(*stream), peer_name(address), std::move(group)),
               Task::kStart);
    return true;
  }

  // Out of descriptors: gives up the spare one to take a client off the queue and turn it away. Left there, it would
  // wake this thread for ever.
  bool refuse_one() {
    spare_.reset(-1);
    UniqueFd(::accept4(listener_.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    spare_.reset(::dup(listener_.fd.get()));
    return false;
  }

  Listener listener_;
  TlsContext tls_;
  ServerState& state_;
  std::vector<std::shared_ptr<Loop>>& loops_;
  UniqueFd spare_;
  bool limited_ = true;
  std::size_t next_ = 0;
};

class EpollServer final : public Server {
 public:
  EpollServer(Listener listener, TlsContext tls, unsigned threads, const Limits& limits, Metrics& metrics,
              Handler handler)
      : state_(limits, metrics, std::move(handler)) {
    for (unsigned i = 0; i < threads; ++i) loops_.push_back(std::make_shared<Loop>(tick_ms(limits)));
    address_ = listener.address;
    acceptor_ = std::make_unique<Acceptor>(std::move(listener), std::move(tls), state_, loops_);
    for (auto& loop : loops_) threads_.emplace_back("http", [loop] { loop->run(); });
  }
  ~EpollServer() override { stop(0); }

  std::string address() const override { return address_; }

  void stop(std::int64_t drain_ms) override {
    if (threads_.empty()) return;
    state_.draining = true;
    loops_[0]->call([this] { acceptor_->close(); });
    for (auto& loop : loops_) loop->call([&loop] { loop->drain(); });
    {
      std::unique_lock lock(state_.mutex);
      state_.left.wait_for(lock, std::chrono::milliseconds(drain_ms), [this] { return state_.connections == 0; });
    }
    for (auto& loop : loops_) loop->call([&loop] { loop->close_all(); });
    threads_.clear();  // joins
  }

 private:
  ServerState state_;
  // shared_ptr: exchanges may be dropped after the server has gone, and look at their loop's closed mailbox then.
  std::vector<std::shared_ptr<Loop>> loops_;
  std::string address_;
  std::unique_ptr<Acceptor> acceptor_;
  std::vector<Thread> threads_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const std::string& listen, unsigned threads, const Limits& limits,
                                              const TlsFiles& tls, Metrics& metrics, Handler handler) {
  TlsContext context;
  if (!tls.certificate.empty()) {
    MR_ASSIGN(context, server_tls(tls.certificate, tls.key));
  }
  MR_ASSIGN(Listener listener, listen_on(listen));
  return std::unique_ptr<Server>(std::make_unique<EpollServer>(
      std::move(listener), std::move(context), std::max(1U, threads), limits, metrics, std::move(handler)));
}

}  // namespace millrace::http
