// How old is what viewers see? Sends numbered events at fixed times, and watches a view that says the highest number of
// them over very many streams. An event's age at a viewer counts from the moment at which it was meant to be sent to
// the moment at which a frame with its number, or a higher one, has been read. One thread, one clock.
//
//   freshness HOST:PORT LIVE_TARGET KEY VIEWERS SECONDS EVENTS_PER_SECOND
//
// Prints "begin NS" (CLOCK_MONOTONIC of event 1, on time for whoever asks elsewhere), and at the end one line of JSON.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/histogram.h"

namespace {

constexpr std::string_view kColumn = "\"max(properties.n)\"";
constexpr std::string_view kValues = "\"values\":[";
constexpr std::size_t kSenders = 32;

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

struct Connection {
  int fd = -1;
  bool viewer = false;
  bool connected = false;  // a viewer has got something
  bool busy = false;       // a sender waits for its answer
  std::int64_t seen = 0;   // the highest number that this viewer knows
  std::string in;
};

class Freshness {
 public:
  explicit Freshness(char** arguments)
      : key_(arguments[3]),
        viewers_(std::strtoul(arguments[4], nullptr, 10)),
        seconds_(std::atof(arguments[5])),
        per_second_(std::atof(arguments[6])) {
    std::string address = arguments[1];
    host_ = address;
    to_.sin_family = AF_INET;
    to_.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + address.find(':') + 1)));
    inet_pton(AF_INET, address.substr(0, address.find(':')).c_str(), &to_.sin_addr);
    live_ = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n", arguments[2], host_, key_);
    connections_.resize(kSenders + viewers_);
  }

  int run() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      connections_[i].viewer = i >= kSenders;
      open(connections_[i]);
      if (i % 50 == 0) {
        turn(5);  // about as fast as a listening socket's queue takes them
      }
    }
    // The first frame of each viewer comes with the first event.
    begin_ = now_ns() + 200'000'000;
    std::printf("begin %lld\n", static_cast<long long>(begin_));
    std::fflush(stdout);
    last_ = static_cast<std::int64_t>(seconds_ * per_second_);
    std::int64_t end = due(last_) + 10'000'000'000;
    while (now_ns() < end && (sent_ < last_ || behind())) {
      while (sent_ < last_ && due(sent_ + 1) <= now_ns() && send_next()) {
      }
      turn(sent_ < last_ ? 1 : 20);
    }
    return print();
  }

 private:
  std::int64_t due(std::int64_t number) const {
    return begin_ + static_cast<std::int64_t>(static_cast<double>(number - 1) * 1e9 / per_second_);
  }

  bool behind() const {
    return std::any_of(connections_.begin(), connections_.end(),
                       [&](const Connection& one) { return one.viewer && one.fd >= 0 && one.seen < last_; });
  }

  void open(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(connection.fd, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0 ||
        (connection.viewer && send(connection.fd, live_.data(), live_.size(), MSG_NOSIGNAL) < 0)) {
      std::perror("freshness: connect");
      std::exit(1);
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &connection;
    epoll_ctl(poll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  // False when every connection waits for an answer: the event goes later, and its age counts all the same.
  bool send_next() {
    auto free = std::find_if(connections_.begin(), connections_.begin() + kSenders,
                             [](const Connection& one) { return one.fd >= 0 && !one.busy; });
    if (free == connections_.begin() + kSenders) {
      return false;
    }
    ++sent_;
    std::string body =
        fmt::format("{{\"event\":\"probe\",\"user_id\":\"probe\",\"properties\":{{\"n\":{}}}}}\n", sent_);
    std::string request = fmt::format(
        "POST /v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/x-ndjson\r\n"
        "Content-Length: {}\r\n\r\n{}",
        host_, key_, body.size(), body);
    free->busy = true;
    if (send(free->fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
      std::fputs("freshness: an event could not be sent\n", stderr);
      std::exit(1);
    }
    return true;
  }

  void turn(int wait_ms) {
    epoll_event events[512];
    int ready = epoll_wait(poll_, events, 512, wait_ms);
    for (int i = 0; i < ready; ++i) {
      take(*static_cast<Connection*>(events[i].data.ptr));
    }
  }

  void take(Connection& connection) {
    char text[16 << 10];
    ssize_t got = recv(connection.fd, text, sizeof text, MSG_DONTWAIT);
    if (got < 0) {
      return;
    }
    if (got == 0) {
      ++closed_;
      close(connection.fd);
      connection.fd = -1;
      return;
    }
    connection.in.append(text, static_cast<std::size_t>(got));
    if (!connection.viewer) {
      answered(connection);
      return;
    }
    connection.connected = true;
    bytes_ += static_cast<std::uint64_t>(got);
    // A frame ends with an empty line. What has none yet stays.
    std::size_t begin = 0;
    for (std::size_t end; (end = connection.in.find("\n\n", begin)) != std::string::npos; begin = end + 2) {
      frame(connection, std::string_view(connection.in).substr(begin, end - begin));
    }
    connection.in.erase(0, begin);
  }

  void answered(Connection& sender) {
    std::size_t head = sender.in.find("\r\n\r\n");
    if (head == std::string::npos) {
      return;
    }
    if (sender.in[9] == '2') {
      ++accepted_;
    }
    sender.in.clear();  // an answer is short: it comes whole
    sender.busy = false;
  }

  void frame(Connection& viewer, std::string_view text) {
    std::size_t column = text.find(kColumn);
    if (column == std::string_view::npos) {
      return;
    }
    ++frames_;
    std::size_t at = text.find(kValues, column);
    if (at == std::string_view::npos) {
      return;
    }
    std::int64_t highest = 0, now = now_ns();
    const char* number = text.data() + at + kValues.size();
    while (*number != ']' && number < text.data() + text.size()) {
      char* behind = nullptr;
      highest = std::max(highest, static_cast<std::int64_t>(std::strtod(number, &behind)));
      number = behind == number ? number + 1 : behind;
      number += *number == ',' ? 1 : 0;
    }
    for (std::int64_t n = viewer.seen + 1; n <= std::min(highest, last_); ++n) {
      // The first second is the others' to settle in.
      if (due(n) >= begin_ + 1'000'000'000) {
        age_.record(std::max<std::int64_t>(now - due(n), 1));
      }
    }
    viewer.seen = std::max(viewer.seen, highest);
  }

  int print() const {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    auto up_to_date = std::count_if(connections_.begin(), connections_.end(),
                                    [&](const Connection& one) { return one.viewer && one.seen == last_; });
    auto ms = [&](double level) { return static_cast<double>(age_.quantile(level)) / 1e6; };
    fmt::print(
        R"({{"viewers":{},"sent":{},"accepted":{},"viewers_up_to_date":{},"closed":{},"frames":{},"bytes":{},"ages":{},"p50_ms":{:.1f},"p99_ms":{:.1f},"max_ms":{:.1f},"viewers_cpu_s":{:.2f}}})"
        "\n",
        viewers_, sent_, accepted_, up_to_date, closed_, frames_, bytes_, age_.count(), ms(0.5), ms(0.99),
        static_cast<double>(age_.max()) / 1e6, cpu);
    return 0;
  }

  std::string host_, key_, live_;
  sockaddr_in to_{};
  std::size_t viewers_;
  double seconds_, per_second_;
  std::vector<Connection> connections_;
  int poll_ = epoll_create1(0);
  std::int64_t begin_ = 0, last_ = 0, sent_ = 0, accepted_ = 0, closed_ = 0;
  std::uint64_t frames_ = 0, bytes_ = 0;
  millrace::load::Histogram age_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 7) {
    std::fputs("freshness HOST:PORT LIVE_TARGET KEY VIEWERS SECONDS EVENTS_PER_SECOND\n", stderr);
    return 2;
  }
  static Freshness freshness(arguments);
  return freshness.run();
}
