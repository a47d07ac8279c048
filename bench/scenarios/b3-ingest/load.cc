// Sends events to POST /v1/events over a number of kept connections, each with one request under way, and prints one
// line of JSON: rates, latencies and how many were accepted. Closed loop: it finds the highest rate, not the latency at
// a given one.
//
//   ingest_load HOST PORT KEY EVENTS_A_REQUEST CONNECTIONS SECONDS SEED

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
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

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kIdDigits = 16;
constexpr std::size_t kBodies = 64;  // different bodies, sent in turn with new ids

struct Body {
  std::string request;
  std::vector<std::size_t> id_at;  // places of the message ids, kIdDigits each
};

// Users by Zipf's law with exponent 1.1 over 100,000, through its cumulated weights.
class Users {
 public:
  Users() : cumulated_(100'000) {
    double sum = 0;
    for (std::size_t i = 0; i < cumulated_.size(); ++i) {
      sum += 1.0 / std::pow(static_cast<double>(i + 1), 1.1);
      cumulated_[i] = sum;
    }
  }
  template <typename Random>
  std::size_t pick(Random& random) const {
    double at = std::uniform_real_distribution<double>(0, cumulated_.back())(random);
    return static_cast<std::size_t>(std::lower_bound(cumulated_.begin(), cumulated_.end(), at) - cumulated_.begin());
  }

 private:
  std::vector<double> cumulated_;
};

std::string event_text(std::mt19937_64& random, const Users& users, std::int64_t now_ms) {
  static constexpr const char* kNames[] = {
      "page_view", "click",  "search",   "add_to_cart", "checkout", "purchase", "login",  "logout", "share", "like",
      "comment",   "upload", "download", "play",        "pause",    "error",    "signup", "invite", "rate",  "refund"};
  static constexpr const char* kPlans[] = {"free", "pro", "team", "enterprise"};
  std::size_t user = users.pick(random);
  return fmt::format(
      R"({{"event":"{}","user_id":"u{:06}","session_id":"s{:06}x{}","timestamp":{},"message_id":"{:0>16}","properties":{{"path":"/p/{}","plan":"{}","price":{}.{:02},"items":{},"mobile":{}}}}})",
      kNames[random() % 20], user, user, random() % 50, now_ms, 0, random() % 5000, kPlans[random() % 4],
      random() % 500, random() % 100, random() % 20, random() % 2 == 0 ? "true" : "false");
}

Body make_body(std::mt19937_64& random, const Users& users, std::size_t events, const std::string& key,
               std::int64_t now_ms) {
  std::string lines;
  std::vector<std::size_t> ids;
  for (std::size_t i = 0; i < events; ++i) {
    std::string event = event_text(random, users, now_ms);
    ids.push_back(lines.size() + event.find("\"message_id\":\"") + 14);
    lines += event + "\n";
  }
  Body body;
  body.request = fmt::format(
      "POST /v1/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nContent-Type: "
      "application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
      key, lines.size());
  for (std::size_t at : ids) {
    body.id_at.push_back(body.request.size() + at);
  }
  body.request += lines;
  return body;
}

struct Connection {
  int fd = -1;
  std::string out;
  std::size_t written = 0;
  std::string in;
  Clock::time_point begun;
};

struct Counts {
  std::uint64_t requests = 0, accepted = 0, refused = 0, bytes = 0;
  std::vector<std::uint32_t> latency_us;
};

class Load {
 public:
  explicit Load(char** arguments)
      : events_(std::strtoul(arguments[4], nullptr, 10)),
        seconds_(std::strtod(arguments[6], nullptr)),
        random_(std::strtoul(arguments[7], nullptr, 10)) {
    next_id_ = (random_() % 10'000'000) * 1'000'000'000;
    auto now_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    Users users;
    for (std::size_t i = 0; i < kBodies; ++i) {
      bodies_.push_back(make_body(random_, users, events_, arguments[3], now_ms));
    }
    connections_.resize(std::strtoul(arguments[5], nullptr, 10));
    for (Connection& connection : connections_) {
      open(connection, arguments[1], static_cast<std::uint16_t>(std::strtoul(arguments[2], nullptr, 10)));
    }
  }

  void run() {
    Clock::time_point begin = Clock::now();
    deadline_ = begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds_));
    for (Connection& connection : connections_) {
      send_next(connection);
    }
    std::vector<epoll_event> ready(256);
    while (under_way_ > 0) {
      int count = epoll_wait(poll_, ready.data(), static_cast<int>(ready.size()), 1000);
      for (int i = 0; i < count; ++i) {
        auto& connection = *static_cast<Connection*>(ready[static_cast<std::size_t>(i)].data.ptr);
        if ((ready[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0) {
          write_more(connection);
        }
        read_more(connection);
      }
    }
    print(std::chrono::duration<double>(Clock::now() - begin).count());
  }

 private:
  void open(Connection& connection, const char* host, std::uint16_t port) {
    connection.fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, host, &address.sin_addr);
    int one = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("connect");
      std::exit(1);
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = &connection;
    epoll_ctl(poll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  void send_next(Connection& connection) {
    Body& body = bodies_[next_body_++ % kBodies];
    for (std::size_t at : body.id_at) {
      fmt::format_to_n(body.request.data() + at, kIdDigits, "{:016}", next_id_++);
    }
    connection.out = body.request;
    connection.written = 0;
    connection.in.clear();
    connection.begun = Clock::now();
    ++under_way_;
    write_more(connection);
  }

  void write_more(Connection& connection) {
    while (connection.written < connection.out.size()) {
      ssize_t count = send(connection.fd, connection.out.data() + connection.written,
                           connection.out.size() - connection.written, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count <= 0) {
        return;
      }
      connection.written += static_cast<std::size_t>(count);
    }
  }

  void read_more(Connection& connection) {
    char piece[4096];
    for (;;) {
      ssize_t count = recv(connection.fd, piece, sizeof piece, MSG_DONTWAIT);
      if (count <= 0) {
        if (count == 0) {
          fmt::print(stderr, "the server closed a connection\n");
          std::exit(1);
        }
        return;
      }
      connection.in.append(piece, static_cast<std::size_t>(count));
      if (whole(connection.in)) {
        finish(connection);
        if (connection.out.empty()) {
          return;
        }
      }
    }
  }

  static bool whole(const std::string& in) {
    std::size_t head = in.find("\r\n\r\n");
    std::size_t length = in.find("Content-Length: ");
    return head != std::string::npos && length != std::string::npos &&
           in.size() >= head + 4 + std::strtoul(in.data() + length + 16, nullptr, 10);
  }

  void finish(Connection& connection) {
    --under_way_;
    ++counts_.requests;
    auto latency = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - connection.begun).count();
    counts_.latency_us.push_back(static_cast<std::uint32_t>(latency));
    std::size_t accepted = connection.in.find("\"accepted\":");
    if (connection.in.compare(9, 3, "200") == 0 && accepted != std::string::npos) {
      counts_.accepted += std::strtoul(connection.in.data() + accepted + 11, nullptr, 10);
      counts_.bytes += connection.out.size();
    } else {
      ++counts_.refused;
    }
    connection.out.clear();
    if (Clock::now() < deadline_) {
      send_next(connection);
    }
  }

  void print(double seconds) {
    std::sort(counts_.latency_us.begin(), counts_.latency_us.end());
    auto at = [this](double share) {
      return counts_.latency_us.empty() ? 0
                                        : counts_.latency_us[static_cast<std::size_t>(
                                              share * static_cast<double>(counts_.latency_us.size() - 1))];
    };
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    fmt::print(
        R"({{"events_a_request":{},"connections":{},"seconds":{:.3f},"requests":{},"accepted":{},"refused":{},"events_per_s":{:.0f},"bytes":{},"p50_us":{},"p99_us":{},"p999_us":{},"generator_cpu_s":{:.3f}}})"
        "\n",
        events_, connections_.size(), seconds, counts_.requests, counts_.accepted, counts_.refused,
        static_cast<double>(counts_.accepted) / seconds, counts_.bytes, at(0.5), at(0.99), at(0.999), cpu);
  }

  std::size_t events_;
  double seconds_;
  std::mt19937_64 random_;
  std::uint64_t next_id_ = 0;
  std::vector<Body> bodies_;
  std::size_t next_body_ = 0;
  std::vector<Connection> connections_;
  int poll_ = epoll_create1(0);
  std::size_t under_way_ = 0;
  Clock::time_point deadline_;
  Counts counts_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 8) {
    fmt::print(stderr, "ingest_load HOST PORT KEY EVENTS_A_REQUEST CONNECTIONS SECONDS SEED\n");
    return 2;
  }
  Load(arguments).run();
  return 0;
}
