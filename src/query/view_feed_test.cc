// The feed and the mirror over HTTP, as two processors and a server that merges them have them.

#include "query/view_feed.h"

#include <condition_variable>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "query/feed/nodes_for_test.h"
#include "query/view_mirror.h"

namespace millrace {
namespace {

using testing::HasSubstr;

// One thread folds, the feed looks: what a processor's runner would be.
class Processor final : public Progress {
 public:
  Processor(std::uint64_t program, FeedLog& log) : node_({feed_view("v")}, program), log_(log) {}

  void own(std::uint16_t partition, Epoch epoch) {
    std::lock_guard lock(node_.partition(partition).lock());
    node_.own(partition, epoch);
  }
  void append(std::uint16_t partition, const std::string& event) {
    std::lock_guard lock(mutex_);
    log_[partition].push_back({.event = event});
    fold(partition);
  }
  void fold(std::uint16_t partition) {
    std::lock_guard lock(node_.partition(partition).lock());
    node_.fold(partition, log_[partition], log_[partition].size());
  }
  std::vector<PartitionProgress> partitions() const override {
    std::lock_guard lock(mutex_);
    return node_.progress(log_);
  }
  bool wait_stored(PartitionId, SequenceNumber, std::int64_t) override { return false; }

  // Begins to answer; on the port that it had before, if it had one.
  void open(const ViewFeedLimits& limits) {
    ViewFeedParts parts{node_.views(), *this, Generation(1), system_clock(),
                        [this](const http::Head&) { return admitted.load(); }};
    feed_ = std::make_unique<ViewFeed>(parts, limits);
    auto server = http::Server::start(address_, 1, {}, {}, metrics_, [this](std::unique_ptr<http::Exchange> exchange) {
      if (exchange->head().header("authorization") != "Bearer k" || !admitted) {
        return exchange->reply(http::problem(401, "unauthorized", "No valid key", "Another one."));
      }
      feed_->get_feed({}, std::move(exchange));
    });
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
    address_ = server_->address();
  }
  void close() {
    feed_->stop();
    server_.reset();
    feed_.reset();
  }
  std::string url() const { return "http://" + address_; }

  std::atomic<bool> admitted = true;

 private:
  FeedNode node_;
  FeedLog& log_;
  mutable std::mutex mutex_;
  Metrics metrics_;
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<ViewFeed> feed_;
  std::unique_ptr<http::Server> server_;
};

class ViewFeedTest : public testing::Test {
 protected:
  ViewFeedTest() {
    configure_log(LogLevel::kNothing, LogFormat::kText);
    limits_.tick_ms = 5;
    options_.key = "k";
    options_.retry_ms_max = 100;
    a_.own(0, Epoch(1));
    a_.own(1, Epoch(1));
    b_.own(2, Epoch(1));
    a_.append(0, "x");
    a_.append(1, "x");
    b_.append(2, "y");
  }
  ~ViewFeedTest() override { configure_log(LogLevel::kInfo, LogFormat::kText); }

  void start() {
    a_.open(limits_);
    b_.open(limits_);
    options_.processors = {a_.url(), b_.url()};
    auto started = ViewMirror::start({shown_, Generation(1), system_clock()}, options_);
    ASSERT_TRUE(started.ok()) << started.error().message;
    mirror_ = std::move(*started);
  }
  // Polls until it is so.
  template <typename Condition>
  void wait(Condition&& holds) {
    auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << described();
      std::this_thread::yield();
    }
  }
  std::vector<std::string> expected() {
    FeedNode whole({feed_view("v")}, 9);
    for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
      whole.own(i, Epoch(1));
      whole.fold(i, log_[i], log_[i].size());
    }
    ViewTable table(whole.views(), whole.views().find("v"));
    return feed_rows(table);
  }
  std::string described() {
    JsonWriter json;
    json.begin_object();
    mirror_->describe(json);
    return json.end_object().take();
  }
  std::vector<std::string> shown() { return feed_rows(table_); }
  ViewSpecPtr declared() {
    EXPECT_TRUE(shown_.declare(feed_view("v")).ok());
    return shown_.find("v");
  }

  FeedLog log_{kFeedPartitions};
  Processor a_{1, log_};
  Processor b_{2, log_};
  Views shown_{Generation(1), kFeedPartitions, ViewLimits{}, {}};
  ViewTable table_{shown_, declared()};
  ViewFeedLimits limits_;
  ViewMirrorOptions options_;
  std::unique_ptr<ViewMirror> mirror_;
};

TEST_F(ViewFeedTest, WhatTwoProcessorsFoldIsShownAsOne) {
  start();
  wait([&] { return shown() == expected(); });
  a_.append(1, "z");
  b_.append(2, "x");
  wait([&] { return shown() == expected(); });
  EXPECT_TRUE(mirror_->wait_stored(PartitionId(1), SequenceNumber(2), 20'000));
  EXPECT_EQ(mirror_->partitions()[2].rows, 2U);
  EXPECT_THAT(described(), HasSubstr(R"("up":true)"));
  EXPECT_THAT(described(), HasSubstr(R"("partitions":[0,1],"reason":null)"));
}

TEST_F(ViewFeedTest, AProcessorThatWasAwayIsFoundAgain) {
  start();
  wait([&] { return shown() == expected(); });
  std::vector<std::string> before = shown();
  b_.close();
  wait([&] { return mirror_->partitions()[2].trouble.find("is away") != std::string::npos; });
  EXPECT_EQ(mirror_->partitions()[0].trouble, "");
  EXPECT_EQ(shown(), before);
  b_.append(2, "q");
  b_.open(limits_);
  wait([&] { return shown() == expected() && mirror_->partitions()[2].trouble.empty(); });
}

TEST_F(ViewFeedTest, OneThatSaysNothingCountsAsAway) {
  limits_.tick_ms = limits_.silence_ms = 3'600'000;
  options_.silence_ms = 50;
  start();
  wait([&] { return described().find(R"("up":false,"heard_ms":null)") == std::string::npos; });
  wait([&] { return described().find(R"("up":true)") == std::string::npos; });
}

TEST_F(ViewFeedTest, AReaderThatIsTooLateBeginsAgain) {
  limits_.waiting_bytes = 1;
  limits_.tick_ms = 0;
  start();
  for (int i = 0; i < 300; ++i) {
    a_.append(0, std::to_string(i % 20));
    b_.append(2, std::to_string(i % 30));
  }
  wait([&] { return shown() == expected(); });
}

TEST_F(ViewFeedTest, AKeyThatIsGoodNoLongerEndsTheFeed) {
  start();
  wait([&] { return shown() == expected(); });
  a_.admitted = false;
  wait([&] { return mirror_->partitions()[0].trouble.find("it answers 401") != std::string::npos; });
  options_.key = "other";
  mirror_.reset();
  auto started = ViewMirror::start({shown_, Generation(1), system_clock()}, options_);
  ASSERT_TRUE(started.ok());
  mirror_ = std::move(*started);
  wait([&] { return described().find("it answers 401") != std::string::npos; });
  EXPECT_THAT(described(), HasSubstr("to query.processors_key: Another one. "));
  EXPECT_THAT(described(), HasSubstr("MILLRACE_FEED_KEY"));
}

TEST_F(ViewFeedTest, AViewThatIsDeclaredLaterIsAskedFor) {
  start();
  wait([&] { return shown() == expected(); });
  EXPECT_TRUE(shown_.declare(feed_view("w")).ok());
  ViewSpecPtr later = shown_.find("w");
  wait([&] { return !mirror_->trouble(*later).empty(); });
  EXPECT_THAT(mirror_->trouble(*later), HasSubstr("declares it otherwise, or not at all"));
  EXPECT_EQ(shown(), expected());
}

}  // namespace
}  // namespace millrace
