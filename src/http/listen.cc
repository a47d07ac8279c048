#include "http/listen.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace millrace::http {
namespace {

constexpr int kBacklog = 4096;

Error failed(const std::string& what) { return unavailable(what + ": " + std::strerror(errno)); }

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return invalid("the path of a Unix socket has 1 to " + std::to_string(sizeof address.sun_path - 1) +
                   " bytes: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes a socket file that a dead process left; kUnavailable when somebody listens on it or it is something else.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return unavailable(path + " is there and is not a socket");
  UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno != ECONNREFUSED) {
    return unavailable("somebody listens on " + path + " already");
  }
  if (::unlink(path.c_str()) != 0) return failed("can't remove " + path);
  return {};
}

Result<Listener> listen_unix(const std::string& path) {
  MR_ASSIGN(sockaddr_un address, unix_address(path));
  MR_TRY(remove_stale(path, address));
  Listener listener{UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), "unix:" + path, path};
  ::fchmod(listener.fd.get(), 0600);  // bind() gives the file the socket's mode: at no moment can others connect
  if (::bind(listener.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.fd.get(), kBacklog) != 0) {
    return failed("can't listen on unix:" + path);
  }
  return listener;
}

// The address that a socket is bound to, with its port.
std::string bound_address(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  if (address.ss_family == AF_UNIX)
    return std::string("unix:") + reinterpret_cast<const sockaddr_un&>(address).sun_path;
  bool v6 = address.ss_family == AF_INET6;
  in_port_t port = v6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                      : reinterpret_cast<const sockaddr_in&>(address).sin_port;
  std::string host = peer_name(address);
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(ntohs(port));
}

Result<Listener> listen_inherited(const std::string& number) {
  int fd = -1;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), fd);
  int listening = 0;
  socklen_t size = sizeof listening;
  bool parsed = error == std::errc() && end == number.data() + number.size() && fd >= 0;
  if (!parsed || ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return invalid("fd:" + number + " is not a listening socket");
  }
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return Listener{UniqueFd(fd), bound_address(fd), ""};
}

Result<Listener> listen_tcp(const std::string& listen) {
  std::string host;
  std::string port;
  if (!split_host_port(listen, host, port)) {
    return invalid("listen on HOST:PORT, [IPV6]:PORT, unix:PATH or fd:NUMBER, not on '" + listen + "'");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return invalid("can't listen on " + listen + ": " + ::gai_strerror(error));
  }
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  Listener listener{UniqueFd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), "", ""};
  int on = 1;
  ::setsockopt(listener.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(listener.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // what is accepted inherits it
  if (::bind(listener.fd.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(listener.fd.get(), kBacklog) != 0) {
    return failed("can't listen on " + listen);
  }
  listener.address = bound_address(listener.fd.get());
  return listener;
}

}  // namespace

Result<Listener> listen_on(const std::string& listen) {
  if (listen.compare(0, 5, "unix:") == 0) return listen_unix(listen.substr(5));
  if (listen.compare(0, 3, "fd:") == 0) return listen_inherited(listen.substr(3));
  return listen_tcp(listen);
}

bool split_host_port(const std::string& text, std::string& host, std::string& port) {
  std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) return false;
  host = text.substr(0, colon);
  port = text.substr(colon + 1);
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  bool colons = host.find(':') != std::string::npos;
  return bracketed == colons && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos &&
         std::stoi(port) <= 65535;
}

std::string peer_name(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text, sizeof text);
    return text;
  }
  if (address.ss_family != AF_INET6) return "unix";
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  IN6_IS_ADDR_V4MAPPED(&v6) ? ::inet_ntop(AF_INET, v6.s6_addr + 12, text, sizeof text)
                            : ::inet_ntop(AF_INET6, &v6, text, sizeof text);
  return text;
}

std::string peer_group(const sockaddr_storage& address) {
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (address.ss_family != AF_INET6 || IN6_IS_ADDR_V4MAPPED(&v6)) return peer_name(address);
  return {reinterpret_cast<const char*>(v6.s6_addr), 8};
}

}  // namespace millrace::http
