#include "http/fan_out.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/socket_stream.h"

namespace millrace::http {
namespace {

FramePtr frame(std::uint64_t number, const std::string& data = "x") {
  return std::make_shared<const Frame>(Frame{number, "data: " + data + "\n\n"});
}

// One end for the fan-out, one to read from.
struct Ends {
  Ends() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    theirs = pair[0];
    ::fcntl(theirs, F_SETFL, O_NONBLOCK);
    ours.reset(pair[1]);
  }
  // Reads until `wanted` has come at the end of what was read.
  std::string read_until(const std::string& wanted) {
    std::string text;
    while (!text.ends_with(wanted)) {
      pollfd waiting{ours.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 20'000) != 1) return text + " (nothing more comes)";
      char bytes[64 << 10];
      ssize_t got = ::read(ours.get(), bytes, sizeof bytes);
      if (got <= 0) return text + " (ended)";
      text.append(bytes, static_cast<std::size_t>(got));
    }
    return text;
  }
  bool ended() { return read_until("\1").ends_with("(ended)"); }
  int theirs = -1;
  UniqueFd ours;
};

class FanOutTest : public testing::Test {
 protected:
  Reader reader(std::uint64_t after = 0) {
    Reader made;
    made.id = "i";
    made.first = "head\n";
    made.places = {{channel_, after}};
    return made;
  }
  // Waits for a metric that the reactors' threads change.
  void wait_for(Metric metric, std::int64_t wanted) {
    while (metrics_.get(metric) != wanted) ::sched_yield();
  }
  ChannelPtr channel_ = std::make_shared<Channel>();
  Metrics metrics_;
};

TEST(Channel, ReadersGoOnWhereTheyWereAndOthersGetTheBase) {
  Channel channel;
  EXPECT_EQ(channel.next(0), nullptr);
  channel.publish_base(frame(5));
  EXPECT_EQ(channel.next(0)->number, 5U);
  for (std::uint64_t number = 6; number <= 10; ++number) channel.publish(frame(number));
  EXPECT_EQ(channel.next(0)->number, 5U);
  EXPECT_EQ(channel.next(5)->number, 6U);
  EXPECT_EQ(channel.next(9)->number, 10U);
  EXPECT_EQ(channel.next(10), nullptr);
  EXPECT_EQ(channel.next(3)->number, 5U) << "what it knows is older than all that is kept";
  EXPECT_EQ(channel.next(77)->number, 5U) << "what it says that it knows never was";
}

TEST(Channel, ASlowReaderGetsTheNewerBase) {
  Channel channel;
  channel.publish_base(frame(1));
  for (std::uint64_t number = 2; number <= 20; ++number) channel.publish(frame(number));
  channel.publish_base(frame(20));
  EXPECT_EQ(channel.next(1)->number, 20U);
  EXPECT_EQ(channel.next(19)->number, 20U) << "the next frame";
  EXPECT_EQ(channel.next(18)->number, 20U) << "as long as both frames that lead there";
  EXPECT_EQ(channel.next(0)->number, 20U);
  channel.publish(frame(21));
  EXPECT_EQ(channel.next(20)->number, 21U);
}

TEST(Channel, ALongBaseIsForThoseWhoAreFarBehind) {
  Channel channel;
  channel.publish_base(frame(1));
  for (std::uint64_t number = 2; number <= 20; ++number) channel.publish(frame(number));
  channel.publish_base(frame(20, std::string(1000, 'x')));
  EXPECT_EQ(channel.next(15)->number, 16U);
  EXPECT_EQ(channel.next(1)->number, 20U);
}

TEST(Channel, AShortBaseIsMadeOnceSomebodyIsLate) {
  Channel channel;
  channel.publish_base(frame(1));
  for (std::uint64_t number = 2; number <= 4; ++number) channel.publish(frame(number));
  EXPECT_EQ(channel.next(3)->number, 4U);
  EXPECT_FALSE(channel.wants_base()) << "nobody is two frames behind";
  EXPECT_EQ(channel.next(2)->number, 3U);
  EXPECT_TRUE(channel.wants_base());
  channel.publish_base(frame(4));
  EXPECT_FALSE(channel.wants_base());
}

TEST(Channel, ABaseThatChangesEverythingEndsWhatWasBefore) {
  Channel channel;
  channel.publish_base(frame(1));
  channel.publish(frame(2));
  channel.publish_base(frame(3));
  EXPECT_EQ(channel.next(1)->number, 3U);
  EXPECT_EQ(channel.next(2)->number, 3U);
  EXPECT_FALSE(channel.wants_base());
}

TEST(Channel, WhatLeadsOnFromTheBaseIsKept) {
  Channel channel;
  EXPECT_TRUE(channel.wants_base());
  channel.publish_base(frame(1));
  for (std::uint64_t number = 2; number <= 9; ++number) channel.publish(frame(number, std::string(1 << 20, 'a')));
  EXPECT_EQ(channel.next(1)->number, 2U);
  EXPECT_TRUE(channel.wants_base()) << "that much is a reason for a newer one";
  channel.publish_base(frame(9));
  channel.publish(frame(10));
  EXPECT_EQ(channel.next(1)->number, 9U) << "older ones went";
  EXPECT_EQ(channel.next(9)->number, 10U);
  EXPECT_FALSE(channel.wants_base());
}

TEST_F(FanOutTest, EveryReaderGetsTheBaseAndWhatComesAfter) {
  auto fan_out = FanOut::make({}, metrics_);
  channel_->publish_base(frame(1, "base"));
  std::vector<Ends> ends(20);
  for (Ends& one : ends) ASSERT_TRUE(fan_out->add(one.theirs, reader()).ok());
  for (Ends& one : ends) EXPECT_EQ(one.read_until("base\n\n"), "head\nid: i.1\ndata: base\n\n");
  channel_->publish(frame(2, "more"));
  fan_out->wake();
  for (Ends& one : ends) EXPECT_EQ(one.read_until("more\n\n"), "id: i.2\ndata: more\n\n");
  EXPECT_EQ(metrics_.get(Metric::kLiveViewers), 20);
  wait_for(Metric::kLiveFrames, 40);
}

TEST_F(FanOutTest, AReaderThatComesBackGoesOnBehindItsLastFrame) {
  auto fan_out = FanOut::make({}, metrics_);
  channel_->publish_base(frame(1));
  channel_->publish(frame(2));
  channel_->publish(frame(3, "third"));
  Ends ends;
  ASSERT_TRUE(fan_out->add(ends.theirs, reader(2)).ok());
  EXPECT_EQ(ends.read_until("third\n\n"), "head\nid: i.3\ndata: third\n\n");
}

TEST_F(FanOutTest, ASlowReaderSkipsToTheNewestStateAndOthersDontWait) {
  auto fan_out = FanOut::make({}, metrics_);
  std::string large(1 << 20, 'a');
  channel_->publish_base(frame(1, large));
  Ends slow, quick;
  ASSERT_TRUE(fan_out->add(slow.theirs, reader()).ok());
  ASSERT_TRUE(fan_out->add(quick.theirs, reader()).ok());
  quick.read_until(large + "\n\n");
  for (std::uint64_t number = 2; number <= 100; ++number) {
    channel_->publish(frame(number, fmt::format("n{}", number)));
    if (number % 10 == 0) channel_->publish_base(frame(number, fmt::format("base{}", number)));
    fan_out->wake();
    if (number < 100) quick.read_until(fmt::format("data: n{}\n\n", number));
  }
  std::string last = slow.read_until("base100\n\n");
  EXPECT_TRUE(last.starts_with("head\nid: i.1\ndata: aaa"));
  EXPECT_EQ(last.find("n50"), std::string::npos);
  EXPECT_GT(metrics_.get(Metric::kLiveSkipped), 50);
}

TEST_F(FanOutTest, AReaderThatTakesNothingForTooLongIsClosed) {
  FanOutLimits limits;
  limits.stall_ms = 1;
  auto fan_out = FanOut::make(limits, metrics_);
  channel_->publish_base(frame(1, std::string(4 << 20, 'a')));
  Ends stalled;
  ASSERT_TRUE(fan_out->add(stalled.theirs, reader()).ok());
  wait_for(Metric::kLiveViewers, 0);
  EXPECT_TRUE(stalled.ended());
}

TEST_F(FanOutTest, AReaderWhosePassHasEndedIsClosedAndOthersStay) {
  auto fan_out = FanOut::make({}, metrics_);
  channel_->publish_base(frame(1, "base"));
  auto pass = std::make_shared<Pass>();
  Ends ends, stays;
  Reader with_pass = reader();
  with_pass.pass = pass;
  ASSERT_TRUE(fan_out->add(ends.theirs, std::move(with_pass)).ok());
  ASSERT_TRUE(fan_out->add(stays.theirs, reader()).ok());
  ends.read_until("base\n\n");
  pass->ended = true;
  EXPECT_TRUE(ends.ended());
  channel_->publish(frame(2, "more"));
  fan_out->wake();
  EXPECT_TRUE(stays.read_until("more\n\n").ends_with("id: i.2\ndata: more\n\n"));
}

TEST_F(FanOutTest, AQuietReaderGetsCommentsAndOneThatLeavesIsForgotten) {
  FanOutLimits limits;
  limits.comment_ms = 1;
  auto fan_out = FanOut::make(limits, metrics_);
  {
    Ends ends;
    ASSERT_TRUE(fan_out->add(ends.theirs, reader()).ok());
    EXPECT_EQ(ends.read_until(":\n\n"), "head\n:\n\n");
  }
  wait_for(Metric::kLiveViewers, 0);
}

TEST_F(FanOutTest, MoreThanAreTakenAreClosedAtOnce) {
  FanOutLimits limits;
  limits.readers = 3;
  limits.readers_per_reactor = 2;
  auto fan_out = FanOut::make(limits, metrics_);
  channel_->publish_base(frame(1, "base"));
  std::vector<Ends> ends(4);
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(fan_out->add(ends[i].theirs, reader()).ok());
  EXPECT_FALSE(fan_out->room());
  EXPECT_EQ(fan_out->add(ends[3].theirs, reader()).error().code, Code::kFull);
  EXPECT_TRUE(ends[3].ended());
  for (std::size_t i = 0; i < 3; ++i) ends[i].read_until("base\n\n");
}

TEST_F(FanOutTest, TheirSocketsDontCountAgainstTheProcess) {
  auto fan_out = FanOut::make({}, metrics_);
  channel_->publish_base(frame(1, "base"));
  auto open_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 4096; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  {
    Ends first;  // makes the reactor
    ASSERT_TRUE(fan_out->add(first.theirs, reader()).ok());
    first.read_until("base\n\n");
  }
  int before = open_descriptors();
  std::vector<Ends> ends(100);
  for (Ends& one : ends) ASSERT_TRUE(fan_out->add(one.theirs, reader()).ok());
  EXPECT_EQ(open_descriptors(), before + 100) << "the readers' own ends alone";
}

TEST_F(FanOutTest, ManyWhoComeAtOnceWaitUntilTheyAreTaken) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  FanOutLimits limits;
  limits.readers_per_reactor = 3'000;
  auto fan_out = FanOut::make(limits, metrics_);
  channel_->publish_base(frame(1, "base"));
  Ends ends;
  constexpr int kReaders = 5'000;  // more than the queue of a reactor holds
  for (int i = 0; i < kReaders; ++i) ASSERT_TRUE(fan_out->add(::dup(ends.theirs), reader()).ok()) << i;
  while (metrics_.get(Metric::kLiveViewers) < kReaders) {
    fan_out->hand_over();
    ::sched_yield();
  }
  fan_out->stop();
  EXPECT_EQ(metrics_.get(Metric::kLiveViewers), 0);
  ::close(ends.theirs);
  EXPECT_TRUE(ends.ended()) << "nobody has its other end any more";
}

TEST_F(FanOutTest, ReadersOfManyChannelsLeaveInAnyOrder) {
  auto fan_out = FanOut::make({}, metrics_);
  std::vector<ChannelPtr> channels;
  for (int i = 0; i < 4; ++i) channels.push_back(std::make_shared<Channel>());
  for (const ChannelPtr& channel : channels) channel->publish_base(frame(1, "base"));
  std::vector<std::unique_ptr<Ends>> ends;
  for (std::size_t i = 0; i < 40; ++i) {
    ends.push_back(std::make_unique<Ends>());
    Reader one = reader();
    one.places.clear();
    for (std::size_t j = 0; j <= i % 4; ++j) one.places.push_back({channels[(i + j) % 4], 0});
    one.places.push_back(one.places.front());  // twice the same
    ASSERT_TRUE(fan_out->add(ends.back()->theirs, std::move(one)).ok());
  }
  wait_for(Metric::kLiveViewers, 40);
  for (std::size_t left = 40; left > 1; --left) {
    ends.erase(ends.begin() + static_cast<std::ptrdiff_t>(left * 7 % ends.size()));
    wait_for(Metric::kLiveViewers, static_cast<std::int64_t>(left - 1));
  }
  for (const ChannelPtr& channel : channels) channel->publish(frame(2, "last"));
  fan_out->wake();
  ends.front()->read_until("last\n\n");
}

TEST_F(FanOutTest, StoppingClosesEverySocket) {
  auto fan_out = FanOut::make({}, metrics_);
  channel_->publish_base(frame(1, "base"));
  Ends ends;
  ASSERT_TRUE(fan_out->add(ends.theirs, reader()).ok());
  ends.read_until("base\n\n");
  fan_out->stop();
  EXPECT_TRUE(ends.ended());
  EXPECT_EQ(metrics_.get(Metric::kLiveViewers), 0);
}

}  // namespace
}  // namespace millrace::http
