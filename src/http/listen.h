#pragma once
// Listening sockets. Private to this folder.

#include <string>

#include <sys/socket.h>

#include "base/result.h"
#include "http/socket_stream.h"

namespace millrace::http {

struct Listener {
  UniqueFd fd;            // non-blocking
  std::string address;    // as Server::address() says it
  std::string unix_path;  // of a socket file that was made here, to be removed at the end
};

// See Server::start for `listen`. kInvalid: no such form; kUnavailable: the system refused, or somebody listens there.
Result<Listener> listen_on(const std::string& listen);

// Splits "host:port" or "[::1]:port"; false when it is neither.
bool split_host_port(const std::string& text, std::string& host, std::string& port);
// "127.0.0.1", "::1" (an IPv4 address within IPv6 as IPv4), "unix".
std::string peer_name(const sockaddr_storage& address);
// The same, but of IPv6 the first 64 bits alone: one machine has all addresses behind them.
std::string peer_group(const sockaddr_storage& address);

}  // namespace millrace::http
