// Requests a second over loopback: 64 connections that each have one POST of 237 bytes under way, one server thread,
// one thread that sends. Beside it the floor: the same bytes through a bare epoll loop that parses nothing.
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

#include "http/server.h"
#include "http/socket_stream.h"

namespace millrace::http {
namespace {

constexpr int kConnections = 64;

std::string request() {
  std::string body(237, 'x');
  return "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer "
         "mr_0123456789abcdef0123456789abcdef01234567\r\n"
         "Content-Type: application/json\r\nContent-Length: 237\r\n\r\n" +
         body;
}

int port_of(int fd) {
  sockaddr_in at{};
  socklen_t size = sizeof at;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  return ntohs(at.sin_port);
}

sockaddr_in loopback(int port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<std::uint16_t>(port));
  return at;
}

void watch(int poller, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  ::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

// Closed loop: every answer is followed by the next request.
class Sender {
 public:
  explicit Sender(int port) : poller_(::epoll_create1(EPOLL_CLOEXEC)), request_(request()) {
    sockaddr_in to = loopback(port);
    for (int i = 0; i < kConnections; ++i) {
      UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) std::abort();
      watch(poller_.get(), fd.get());
      send_one(fd.get());
      fds_.push_back(std::move(fd));
    }
  }

  void wait_for_answers(int count) {
    epoll_event events[kConnections];
    char answer[4096];
    while (count > 0) {
      int ready = ::epoll_wait(poller_.get(), events, kConnections, -1);
      for (int i = 0; i < ready; ++i, --count) {
        if (::recv(events[i].data.fd, answer, sizeof answer, 0) <= 0) std::abort();
        send_one(events[i].data.fd);
      }
    }
  }

 private:
  void send_one(int fd) {
    if (::send(fd, request_.data(), request_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request_.size()))
      std::abort();
  }
  UniqueFd poller_;
  std::string request_;
  std::vector<UniqueFd> fds_;
};

double cpu_seconds(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Besides requests a second, which other load on the machine changes: the server's own CPU time a request.
void measure(benchmark::State& state, int port) {
  constexpr int kAnswersAtOnce = 1000;
  Sender sender(port);
  double before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  for (auto _ : state) sender.wait_for_answers(kAnswersAtOnce);
  double after = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  auto requests = static_cast<double>(state.iterations() * kAnswersAtOnce);
  state.SetItemsProcessed(state.iterations() * kAnswersAtOnce);
  state.counters["server_cpu_us"] = (after - before) * 1e6 / requests;
}

void bench_server(benchmark::State& state) {
  Metrics metrics;
  auto server = Server::start("127.0.0.1:0", 1, Limits(), {}, metrics, [](std::unique_ptr<Exchange> exchange) {
    Exchange::read_body(std::move(exchange), 1 << 20, [](std::unique_ptr<Exchange> at, std::string_view body) {
      Response response;
      response.body = body.size() == 237 ? "{\"accepted\":1,\"rejected\":[]}" : "";
      at->reply(std::move(response));
    });
  });
  std::string address = (*server)->address();
  measure(state, std::stoi(address.substr(address.rfind(':') + 1)));
}
BENCHMARK(bench_server)->UseRealTime()->Unit(benchmark::kMillisecond);

// The floor: one recv() and one send() a request, and nothing else.
class BareServer {
 public:
  BareServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), stop_(::eventfd(0, EFD_CLOEXEC)) {
    sockaddr_in at = loopback(0);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listener_.get(), kConnections) != 0)
      std::abort();
    thread_ = std::thread([this] { run(); });
  }
  ~BareServer() {
    std::uint64_t one = 1;
    if (::write(stop_.get(), &one, sizeof one) != sizeof one) std::abort();
    thread_.join();
  }
  int port() const { return port_of(listener_.get()); }

 private:
  void run() {
    UniqueFd poller(::epoll_create1(EPOLL_CLOEXEC));
    watch(poller.get(), listener_.get());
    watch(poller.get(), stop_.get());
    std::vector<UniqueFd> fds;
    epoll_event events[kConnections];
    while (true) {
      int ready = ::epoll_wait(poller.get(), events, kConnections, -1);
      for (int i = 0; i < ready; ++i) {
        int fd = events[i].data.fd;
        if (fd == stop_.get()) return;
        fd == listener_.get() ? accept_one(poller.get(), fds) : answer(fd);
      }
    }
  }
  void accept_one(int poller, std::vector<UniqueFd>& fds) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    watch(poller, fd.get());
    fds.push_back(std::move(fd));
  }
  static void answer(int fd) {
    static constexpr std::string_view kAnswer =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        "28\r\n\r\n{\"accepted\":1,\"rejected\":[]}";
    char bytes[4096];
    if (::recv(fd, bytes, sizeof bytes, 0) > 0) ::send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
  }
  UniqueFd listener_;
  UniqueFd stop_;
  std::thread thread_;
};

void bench_bare_epoll(benchmark::State& state) {
  BareServer server;
  measure(state, server.port());
}
BENCHMARK(bench_bare_epoll)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace::http
