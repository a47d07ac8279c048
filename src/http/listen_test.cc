#include "http/listen.h"

#include <thread>

#include <gtest/gtest.h>

#include "http/server_fixture.h"

namespace millrace::http {
namespace {

TEST(ListenOn, PicksAPortAndSaysWhich) {
  auto v4 = listen_on("127.0.0.1:0");
  ASSERT_TRUE(v4.ok());
  EXPECT_TRUE(v4->address.starts_with("127.0.0.1:"));
  EXPECT_NE(v4->address, "127.0.0.1:0");
  auto taken = listen_on(v4->address);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, Code::kUnavailable);
}

TEST(ListenOn, TakesIpv6InBrackets) {
  auto v6 = listen_on("[::1]:0");
  if (!v6.ok()) GTEST_SKIP() << "no IPv6 here: " << v6.error().message;
  EXPECT_TRUE(v6->address.starts_with("[::1]:"));
}

TEST(ListenOn, OtherFormsAreInvalid) {
  for (const char* bad : {"", "8080", ":8080", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:80",
                          "[127.0.0.1]:80", "unix:", "fd:", "fd:x", "fd:999", "fd:0"}) {
    auto listener = listen_on(bad);
    ASSERT_FALSE(listener.ok()) << bad;
    EXPECT_EQ(listener.error().code, Code::kInvalid) << bad;
  }
  EXPECT_FALSE(listen_on("unix:" + std::string(200, 'x')).ok());
}

TEST(ListenOn, StaleSocketFileIsReplacedALiveOneIsNot) {
  TempFolder folder;
  std::string address = "unix:" + folder.file("sock");
  {
    auto dead = listen_on(address);
    ASSERT_TRUE(dead.ok());
  }
  ASSERT_TRUE(std::filesystem::exists(folder.file("sock"))) << "nobody removed it, as after a crash";
  auto live = listen_on(address);
  ASSERT_TRUE(live.ok()) << live.error().message;
  auto second = listen_on(address);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kUnavailable);
}

TEST(ListenOn, FilesThatAreNoSocketsAreLeftAlone) {
  TempFolder folder;
  std::filesystem::create_directory(folder.file("sock"));
  EXPECT_FALSE(listen_on("unix:" + folder.file("sock")).ok());
  EXPECT_TRUE(std::filesystem::exists(folder.file("sock")));
}

TEST(PeerGroup, CountsIpv6ByNetworkAndMappedIpv4ByAddress) {
  sockaddr_storage storage{};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", &v6.sin6_addr);
  std::string first = peer_group(storage);
  EXPECT_EQ(peer_name(storage), "2001:db8:1:2:3:4:5:6");
  ::inet_pton(AF_INET6, "2001:db8:1:2:ffff::", &v6.sin6_addr);
  EXPECT_EQ(peer_group(storage), first);
  ::inet_pton(AF_INET6, "2001:db8:1:3::", &v6.sin6_addr);
  EXPECT_NE(peer_group(storage), first);
  ::inet_pton(AF_INET6, "::ffff:10.1.2.3", &v6.sin6_addr);
  EXPECT_EQ(peer_name(storage), "10.1.2.3");
  EXPECT_EQ(peer_group(storage), "10.1.2.3");
}

TEST_F(ServerTest, InheritedSocketServes) {
  RawListener listener;
  std::string address = listener.address();
  start(echo, "fd:" + std::to_string(listener.release()));
  EXPECT_EQ(server_->address(), address);
  EXPECT_EQ(send(*client(), "GET", "/x").body, "GET /x ");
}

TEST_F(ServerTest, SocketFileIsRemovedAtTheEnd) {
  TempFolder folder;
  start(echo, "unix:" + folder.file("sock"));
  EXPECT_TRUE(std::filesystem::exists(folder.file("sock")));
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(folder.file("sock")));
}

}  // namespace
}  // namespace millrace::http
