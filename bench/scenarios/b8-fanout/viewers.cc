// Very many viewers of GET /v1/live, in one process: threads with tables of descriptors of their own, each with up to
// 15,000 connections from a source address of its own. Prints one JSON object. With COMINGS viewers a second leave and
// come anew, the oldest first, while it is measured.
//
//   viewers HOST:PORT KEY TOPIC VIEWERS SECONDS STALLED_PERCENT CONNECTS_PER_SECOND COMINGS_PER_SECOND
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kOfOneThread = 15'000;
constexpr int kDelaysMax = 20'000;  // ms

struct Plan {
  sockaddr_in server{};
  std::string request;
  double per_second = 0;
  double stalled = 0;
  double comings = 0;
};

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class Viewers {
 public:
  Viewers(const Plan& plan, int number, int count) : plan_(plan), number_(number), count_(count), delays_(kDelaysMax) {}

  void run(const std::atomic<bool>& measuring, const std::atomic<bool>& stopping) {
    ::unshare(CLONE_FILES);
    poller_ = ::epoll_create1(EPOLL_CLOEXEC);
    Clock::time_point begin = Clock::now();
    Clock::time_point since = begin;
    while (!stopping) {
      while (opened < count_ &&
             std::chrono::duration<double>(Clock::now() - begin).count() * plan_.per_second >= opened) {
        open();
      }
      if (!measuring) since = Clock::now();
      while (!fds_.empty() && came + 1 <= std::chrono::duration<double>(Clock::now() - since).count() * plan_.comings) {
        ::close(fds_.front());
        fds_.pop_front();
        ++came;
        open();
      }
      epoll_event events[256];
      int ready = ::epoll_wait(poller_, events, 256, opened < count_ || plan_.comings > 0 ? 1 : 50);
      for (int i = 0; i < ready; ++i) {
        take(events[i].data.fd, measuring);
      }
    }
  }

  std::atomic<int> opened = 0;
  std::atomic<int> came = 0;       // anew
  std::atomic<int> connected = 0;  // have got something
  std::atomic<int> failed = 0;
  std::atomic<std::int64_t> frames = 0;
  std::atomic<std::int64_t> bytes = 0;
  const std::vector<std::int64_t>& delays() const { return delays_; }

 private:
  void open() {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + static_cast<std::uint32_t>(number_));
    int on = 1;
    ::setsockopt(fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &on, sizeof on);
    int small = 8 << 10;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    bool good = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0 &&
                ::connect(fd, reinterpret_cast<const sockaddr*>(&plan_.server), sizeof plan_.server) == 0 &&
                ::send(fd, plan_.request.data(), plan_.request.size(), MSG_NOSIGNAL) > 0;
    bool stalls = std::floor((opened + 1) * plan_.stalled) > std::floor(opened * plan_.stalled);
    ++opened;
    if (!good) {
      ++failed;
      ::close(fd);
      return;
    }
    fds_.push_back(fd);
    if (stalls) {
      return;
    }
    seen_.resize(std::max<std::size_t>(seen_.size(), static_cast<std::size_t>(fd) + 1));
    seen_[static_cast<std::size_t>(fd)] = false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(poller_, EPOLL_CTL_ADD, fd, &event);
  }

  void take(int fd, const std::atomic<bool>& measuring) {
    char text[64 << 10];
    ssize_t got = ::recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (got <= 0) {
      ++failed;
      ::epoll_ctl(poller_, EPOLL_CTL_DEL, fd, nullptr);  // open() counts on its number
      return;
    }
    text[got] = 0;
    if (!seen_[static_cast<std::size_t>(fd)]) {
      seen_[static_cast<std::size_t>(fd)] = true;
      ++connected;
    }
    if (!measuring) {
      return;
    }
    bytes += got;
    std::int64_t now = wall_ms();
    for (const char* at = text; (at = std::strstr(at, "\"as_of\":")) != nullptr; ++at) {
      auto delay = std::clamp<std::int64_t>(now - std::atoll(at + 8), 0, kDelaysMax - 1);
      ++delays_[static_cast<std::size_t>(delay)];
      ++frames;
    }
  }

  const Plan& plan_;
  const int number_;
  const int count_;
  int poller_ = -1;
  std::deque<int> fds_;  // the oldest first
  std::vector<bool> seen_;
  std::vector<std::int64_t> delays_;
};

std::int64_t quantile(const std::vector<std::int64_t>& delays, double level) {
  std::int64_t all = 0;
  for (std::int64_t count : delays) all += count;
  std::int64_t seen = 0;
  for (std::size_t ms = 0; ms < delays.size(); ++ms) {
    seen += delays[ms];
    if (seen > 0 && static_cast<double>(seen) >= level * static_cast<double>(all)) return static_cast<std::int64_t>(ms);
  }
  return -1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) {
    std::fputs("viewers HOST:PORT KEY TOPIC VIEWERS SECONDS STALLED_PERCENT CONNECTS_PER_SECOND COMINGS_PER_SECOND\n",
               stderr);
    return 2;
  }
  std::string address = argv[1];
  Plan plan;
  plan.server.sin_family = AF_INET;
  plan.server.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + address.find(':') + 1)));
  ::inet_pton(AF_INET, address.substr(0, address.find(':')).c_str(), &plan.server.sin_addr);
  plan.request = fmt::format(
      "GET /v1/live?topic={}&tick=1000 HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\nAuthorization: Bearer "
      "{}\r\n\r\n",
      argv[3], address, argv[2]);
  int wanted = std::atoi(argv[4]);
  plan.stalled = std::atof(argv[6]) / 100;
  int threads = (wanted + kOfOneThread - 1) / kOfOneThread;
  plan.per_second = std::atof(argv[7]) / threads;
  plan.comings = std::atof(argv[8]) / threads;

  std::atomic<bool> measuring = false;
  std::atomic<bool> stopping = false;
  std::vector<std::unique_ptr<Viewers>> viewers;
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    viewers.push_back(std::make_unique<Viewers>(plan, i, wanted / threads + (i < wanted % threads ? 1 : 0)));
    running.emplace_back([&, one = viewers.back().get()] { one->run(measuring, stopping); });
  }
  auto sum = [&](auto member) {
    std::int64_t all = 0;
    for (const auto& one : viewers) all += (*one).*member;
    return all;
  };
  Clock::time_point begin = Clock::now();
  std::int64_t reading = wanted - static_cast<std::int64_t>(wanted * plan.stalled);
  while ((sum(&Viewers::connected) + sum(&Viewers::failed) < reading || sum(&Viewers::opened) < wanted) &&
         Clock::now() - begin < std::chrono::seconds(120)) {
    ::usleep(10'000);
  }
  double connect_seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("connected %lld\n", static_cast<long long>(sum(&Viewers::connected)));
  std::fflush(stdout);
  measuring = true;
  Clock::time_point from = Clock::now();
  ::sleep(static_cast<unsigned>(std::atoi(argv[5])));
  measuring = false;
  double seconds = std::chrono::duration<double>(Clock::now() - from).count();
  stopping = true;
  for (std::thread& one : running) one.join();
  std::vector<std::int64_t> delays(kDelaysMax);
  for (const auto& one : viewers) {
    for (std::size_t ms = 0; ms < delays.size(); ++ms) delays[ms] += one->delays()[ms];
  }
  std::printf(
      "%s\n",
      fmt::format(R"({{"viewers":{},"came_anew":{},"failed":{},"connect_seconds":{:.2f},"seconds":{:.2f},"frames":{},)"
                  R"("frames_a_second":{:.0f},"bytes":{},"delay_p50_ms":{},"delay_p99_ms":{},"delay_max_ms":{}}})",
                  sum(&Viewers::connected), sum(&Viewers::came), sum(&Viewers::failed), connect_seconds, seconds,
                  sum(&Viewers::frames), static_cast<double>(sum(&Viewers::frames)) / seconds, sum(&Viewers::bytes),
                  quantile(delays, 0.5), quantile(delays, 0.99), quantile(delays, 1.0))
          .c_str());
  return 0;
}
