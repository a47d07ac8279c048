// The floor of B8: server-sent events by a bare loop of epoll and send(), without anything else: no views, no keys, no
// topics, no ids. A process for each table of descriptors, all on one port (SO_REUSEPORT). Once a second each of them
// sends one text to all of its connections.
//
//   floor PROCESSES FRAME_BYTES      prints "listening on 127.0.0.1:PORT"; ends with SIGTERM
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

std::int64_t now_ms() {
  timeval now{};
  ::gettimeofday(&now, nullptr);
  return now.tv_sec * 1000 + now.tv_usec / 1000;
}

int listen_on(in_port_t port) {
  int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = port;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::perror("bind");
    std::exit(1);
  }
  return fd;
}

void greet(int fd) {
  char request[4096];
  (void)!::recv(fd, request, sizeof request, MSG_DONTWAIT);
  std::string head =
      fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {{\"as_of\":{}}}\n\n", now_ms());
  (void)!::send(fd, head.data(), head.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void serve(int door, std::size_t frame_bytes) {
  ::listen(door, 4096);
  int poller = ::epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = door;
  ::epoll_ctl(poller, EPOLL_CTL_ADD, door, &event);
  std::vector<int> connections;
  std::int64_t next = now_ms() / 1000 * 1000 + 1000;
  for (std::uint64_t number = 1;;) {
    epoll_event events[512];
    int count = ::epoll_wait(poller, events, 512, static_cast<int>(std::max<std::int64_t>(next - now_ms(), 0)));
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd != door) {
        greet(events[i].data.fd);
        continue;
      }
      for (int fd = 0; (fd = ::accept4(door, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        event.events = EPOLLIN | EPOLLET;
        event.data.fd = fd;
        ::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        connections.push_back(fd);
      }
    }
    if (now_ms() < next) continue;
    std::string frame =
        fmt::format("id: 5f0c2a91.{}\nevent: delta\ndata: {{\"as_of\":{},\"pad\":\"", number++, now_ms());
    frame += std::string(frame_bytes > frame.size() + 4 ? frame_bytes - frame.size() - 4 : 0, 'x') + "\"}\n\n";
    for (int fd : connections) (void)!::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    next += 1000;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("floor PROCESSES FRAME_BYTES\n", stderr);
    return 2;
  }
  int first = listen_on(0);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(first, reinterpret_cast<sockaddr*>(&address), &size);
  for (int i = 0; i < std::atoi(argv[1]); ++i) {
    if (::fork() == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      serve(listen_on(address.sin_port), static_cast<std::size_t>(std::atoi(argv[2])));
    }
  }
  ::close(first);
  std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  ::pause();
  return 0;
}
