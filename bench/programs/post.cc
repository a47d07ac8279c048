// Posts ready-made bodies to an HTTP server over kept connections, each with one request under way, as fast as answers
// come, and prints one line of JSON. For the peers: it costs as little CPU as Millrace's own generator, so that what is
// compared is the servers.
//
//   post_load HOST PORT TARGET BODIES EVENTS_A_BODY CONNECTIONS SECONDS [HEADER...]
//
// BODIES is a file: for each body its length in decimal, a newline, and its bytes. "@@@@@@@@@@@@@@@@@@@" (19 times) in
// a body is overwritten by a number that rises with each event: a time in nanoseconds for line protocols.
//
// The answer to a request is whole when its Content-Length or its last chunk has come; 2xx counts as accepted.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
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

using Clock = std::chrono::steady_clock;
constexpr std::string_view kNumber = "@@@@@@@@@@@@@@@@@@@";

struct Body {
  std::string request;
  std::vector<std::size_t> numbers;  // places of kNumber
};

struct Connection {
  int fd = -1;
  std::string rest;  // what is not written yet
  std::string in;
  Clock::time_point begun;
  bool busy = false;
};

std::vector<Body> read_bodies(const char* name, const std::string& head) {
  std::ifstream file(name, std::ios::binary);
  std::vector<Body> bodies;
  std::string length;
  while (std::getline(file, length)) {
    std::string body(std::strtoul(length.c_str(), nullptr, 10), '\0');
    file.read(body.data(), static_cast<std::streamsize>(body.size()));
    Body& added = bodies.emplace_back();
    added.request = fmt::format("{}Content-Length: {}\r\n\r\n", head, body.size()) + body;
    for (std::size_t at = added.request.find(kNumber); at != std::string::npos; at = added.request.find(kNumber, at)) {
      added.numbers.push_back(at);
      at += kNumber.size();
    }
  }
  if (bodies.empty()) {
    fmt::print(stderr, "post_load: {} has no bodies\n", name);
    std::exit(1);
  }
  return bodies;
}

class Post {
 public:
  explicit Post(int count, char** arguments)
      : events_(std::strtoul(arguments[5], nullptr, 10)), seconds_(std::strtod(arguments[7], nullptr)) {
    std::string head = fmt::format("POST {} HTTP/1.1\r\nHost: bench\r\n", arguments[3]);
    for (int i = 8; i < count; ++i) {
      head += fmt::format("{}\r\n", arguments[i]);
    }
    bodies_ = read_bodies(arguments[4], head);
    number_ = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
                  .count();
    connections_.resize(std::strtoul(arguments[6], nullptr, 10));
    address_.sin_family = AF_INET;
    address_.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(arguments[2], nullptr, 10)));
    inet_pton(AF_INET, arguments[1], &address_.sin_addr);
    for (Connection& connection : connections_) {
      open(connection);
    }
  }

  void run() {
    Clock::time_point begin = Clock::now();
    deadline_ = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_));
    for (Connection& connection : connections_) {
      send_next(connection);
    }
    std::vector<epoll_event> ready(256);
    while (busy_ > 0 && Clock::now() < deadline_ + std::chrono::seconds(30)) {
      int count = epoll_wait(poll_, ready.data(), static_cast<int>(ready.size()), 1000);
      for (int i = 0; i < count; ++i) {
        epoll_event& event = ready[static_cast<std::size_t>(i)];
        auto& connection = *static_cast<Connection*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0 && !connection.rest.empty()) {
          write_rest(connection);
        }
        if ((event.events & EPOLLIN) != 0) {
          read_more(connection);
        }
      }
    }
    print(std::chrono::duration<double>(Clock::now() - begin).count());
  }

 private:
  void open(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address_), sizeof address_) != 0) {
      std::perror("connect");
      std::exit(1);
    }
    watch(connection, EPOLL_CTL_ADD, EPOLLIN);
  }

  void watch(Connection& connection, int how, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &connection;
    epoll_ctl(poll_, how, connection.fd, &event);
  }

  void send_next(Connection& connection) {
    Body& body = bodies_[next_body_++ % bodies_.size()];
    for (std::size_t at : body.numbers) {
      char digits[20];
      fmt::format_to_n(digits, sizeof digits, "{:019}", ++number_);
      std::memcpy(body.request.data() + at, digits, kNumber.size());
    }
    connection.begun = Clock::now();
    connection.busy = true;
    ++busy_;
    ssize_t sent = send(connection.fd, body.request.data(), body.request.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    auto taken = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    bytes_ += body.request.size();
    if (taken < body.request.size()) {
      connection.rest.assign(body.request, taken);
      watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
  }

  void write_rest(Connection& connection) {
    ssize_t sent = send(connection.fd, connection.rest.data(), connection.rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    connection.rest.erase(0, static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    if (connection.rest.empty()) {
      watch(connection, EPOLL_CTL_MOD, EPOLLIN);
    }
  }

  void read_more(Connection& connection) {
    char piece[16384];
    ssize_t count = recv(connection.fd, piece, sizeof piece, MSG_DONTWAIT);
    if (count == 0) {
      fmt::print(stderr, "post_load: the server closed a connection; its last answer: {}\n",
                 connection.in.substr(0, 500));
      std::exit(1);
    }
    connection.in.append(piece, static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (connection.busy && whole(connection.in)) {
      finish(connection);
    }
  }

  static bool whole(const std::string& in) {
    std::size_t head = in.find("\r\n\r\n");
    if (head == std::string::npos) {
      return false;
    }
    std::string lower = in.substr(0, head + 2);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    std::size_t length = lower.find("\r\ncontent-length:");
    if (length != std::string::npos) {
      return in.size() >= head + 4 + std::strtoul(lower.data() + length + 17, nullptr, 10);
    }
    bool chunked = lower.find("\r\ntransfer-encoding: chunked") != std::string::npos;
    return !chunked || in.ends_with("0\r\n\r\n");
  }

  void finish(Connection& connection) {
    --busy_;
    connection.busy = false;
    latency_.record(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - connection.begun).count());
    if (connection.in[9] == '2') {
      accepted_ += events_;
    } else {
      refused_ += events_;
      if (trouble_.empty()) {
        trouble_ = connection.in.substr(0, 600);
      }
    }
    // Who is refused before his body has been read is told to come anew.
    bool closes = connection.in.find("\r\nConnection: close\r\n") < connection.in.find("\r\n\r\n");
    connection.in.clear();
    if (closes) {
      close(connection.fd);
      connection.rest.clear();
      open(connection);
    }
    if (Clock::now() < deadline_) {
      send_next(connection);
    }
  }

  void print(double seconds) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    if (!trouble_.empty()) {
      fmt::print(stderr, "post_load: not accepted: {}\n", trouble_);
    }
    fmt::print(
        R"({{"events_a_request":{},"connections":{},"seconds":{:.3f},"accepted":{},"refused":{},"events_per_s":{:.0f},"bytes":{},"p50_us":{:.1f},"p99_us":{:.1f},"generator_cpu_s":{:.3f}}})"
        "\n",
        events_, connections_.size(), seconds, accepted_, refused_, static_cast<double>(accepted_) / seconds, bytes_,
        static_cast<double>(latency_.quantile(0.5)) / 1e3, static_cast<double>(latency_.quantile(0.99)) / 1e3, cpu);
  }

  sockaddr_in address_{};
  std::size_t events_;
  double seconds_;
  std::vector<Body> bodies_;
  std::size_t next_body_ = 0;
  std::int64_t number_ = 0;
  std::vector<Connection> connections_;
  int poll_ = epoll_create1(0);
  std::size_t busy_ = 0;
  std::uint64_t accepted_ = 0, refused_ = 0, bytes_ = 0;
  std::string trouble_;
  millrace::load::Histogram latency_;
  Clock::time_point deadline_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 8) {
    fmt::print(stderr, "post_load HOST PORT TARGET BODIES EVENTS_A_BODY CONNECTIONS SECONDS [HEADER...]\n");
    return 2;
  }
  Post(count, arguments).run();
  return 0;
}
