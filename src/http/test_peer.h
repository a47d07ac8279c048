#pragma once
// For the tests of this folder: a raw TCP or Unix client, a raw peer that answers with prepared bytes, and a temporary
// folder.

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/socket_stream.h"

namespace millrace::http {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = ::testing::TempDir() + "/millrace-http-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Blocking, and says what it likes. Reads give up after ten seconds, so that a failing test ends.
class RawPeer {
 public:
  explicit RawPeer(UniqueFd fd) : fd_(std::move(fd)) {}

  // `address` as Server::address() says it.
  static RawPeer connect(const std::string& address) {
    if (address.compare(0, 5, "unix:") == 0) {
      sockaddr_un to{};
      to.sun_family = AF_UNIX;
      std::strncpy(to.sun_path, address.c_str() + 5, sizeof to.sun_path - 1);
      UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
      return RawPeer(std::move(fd));
    }
    RawPeer peer = unconnected();
    peer.connect_to(address);
    return peer;
  }
  static RawPeer unconnected() { return RawPeer(UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))); }
  void connect_to(const std::string& address) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  }

  // False when the other side has gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Reads until `mark` has come (it is part of what is returned), or the end.
  std::string read_until(std::string_view mark) {
    while (got_.find(mark) == std::string::npos && receive()) continue;
    std::size_t end = got_.find(mark);
    std::string taken = got_.substr(0, end == std::string::npos ? end : end + mark.size());
    got_.erase(0, taken.size());
    return taken;
  }
  std::string read_to_end() {
    while (receive()) continue;
    return std::move(got_);
  }
  std::string read_bytes(std::size_t count) {
    while (got_.size() < count && receive()) continue;
    std::string taken = got_.substr(0, count);
    got_.erase(0, taken.size());
    return taken;
  }
  // One answer with Content-Length.
  std::string read_answer() {
    std::string head = read_until("\r\n\r\n");
    std::size_t length = head.find("Content-Length: ");
    return length == std::string::npos ? head : head + read_bytes(std::stoul(head.substr(length + 16)));
  }

  bool was_reset() const { return reset_; }
  void shut_write() { ::shutdown(fd_.get(), SHUT_WR); }
  void reset() {
    linger at_once{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() { fd_.reset(-1); }

 private:
  bool receive() {
    pollfd wait{fd_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 10'000) <= 0) {
      ADD_FAILURE() << "nothing came for ten seconds; so far: " << got_;
      return false;
    }
    char bytes[16 << 10];
    ssize_t count = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    reset_ = count < 0;
    if (count <= 0) return false;
    got_.append(bytes, static_cast<std::size_t>(count));
    return true;
  }

  UniqueFd fd_;
  std::string got_;
  bool reset_ = false;
};

// A listening socket on a free loopback port, whose connections the test serves by hand.
class RawListener {
 public:
  RawListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(fd_.get(), 16), 0);
    socklen_t size = sizeof at;
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  RawPeer accept() { return RawPeer(UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC))); }
  void close() { fd_.reset(-1); }
  int release() { return fd_.release(); }

 private:
  UniqueFd fd_;
  int port_ = 0;
};

}  // namespace millrace::http
