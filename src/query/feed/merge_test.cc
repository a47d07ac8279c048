#include "query/feed/merge.h"

#include <fstream>
#include <random>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "io/random.h"
#include "query/feed/nodes_for_test.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using Rows = std::vector<std::string>;

struct MergeWorld {
  static constexpr std::size_t kNodes = 3;

  MergeWorld() {
    for (const ViewSpec& spec : specs_) {
      EXPECT_TRUE(shown_.declare(spec).ok());
    }
    for (std::size_t i = 0; i < kNodes; ++i) {
      nodes_.push_back(std::make_unique<FeedNode>(specs_, ++programs_));
    }
  }

  void connect(std::size_t source) {
    nodes_[source]->writer().begin_anew();
    merge_.begin(source);
    give(source, nodes_[source]->writer().hello());
    connected_[source] = true;
  }
  void disconnect(std::size_t source) {
    merge_.end(source, "it broke");
    connected_[source] = false;
  }
  Result<void> take(std::size_t source, const std::string& frame) {
    FeedCutter cutter;
    for (std::size_t at = 0; at < frame.size(); at += cut_) {
      cutter.add(std::string_view(frame).substr(at, cut_));
      Result<std::string_view> body = cutter.next();
      EXPECT_TRUE(body.ok());
      if (!body->empty()) {
        return merge_.take(source, *body, now_);
      }
    }
    ADD_FAILURE() << "a frame is not whole";
    return {};
  }
  void give(std::size_t source, const std::string& frame) {
    Result<void> taken = take(source, frame);
    EXPECT_TRUE(taken.ok()) << taken.error().message;
  }
  void tell(std::size_t source) {
    FeedNode& node = *nodes_[source];
    for (const std::string& frame : node.writer().tick(node.progress(log_), false)) {
      give(source, frame);
    }
  }
  void append(std::uint16_t partition, FeedEvent event = {}) { log_[partition].push_back(std::move(event)); }
  void own(std::size_t node, std::uint16_t partition) {
    nodes_[node]->own(partition, Epoch(++epochs_[partition]));
    owner_[partition] = node;
  }
  void fold(std::uint16_t partition) {
    nodes_[owner_[partition]]->fold(partition, log_[partition], log_[partition].size());
  }
  // What one server shows that has folded all of the log.
  Rows expected(const ViewSpec& spec) {
    FeedNode whole(specs_, 1);
    for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
      whole.own(i, Epoch(1));
      whole.fold(i, log_[i], log_[i].size());
    }
    ViewTable table(whole.views(), whole.views().find(spec.name));
    return feed_rows(table);
  }
  ViewTable& table(const std::string& name = "v") {
    return tables_.try_emplace(name, shown_, shown_.find(name)).first->second;
  }
  Rows shown(const std::string& name = "v") { return feed_rows(table(name)); }
  PartitionViews::Audit audit(std::uint16_t partition) { return shown_.partition(PartitionId(partition)).last_audit(); }

  std::vector<ViewSpec> specs_ = {feed_view("v")};
  std::uint64_t programs_ = 0;
  FeedLog log_{kFeedPartitions};
  Views shown_{Generation(1), kFeedPartitions, ViewLimits{}, {}};
  FeedMerge merge_{shown_, Generation(1), {"http://a", "http://b", "http://c"}};
  std::vector<std::unique_ptr<FeedNode>> nodes_;
  std::map<std::string, ViewTable> tables_;
  std::uint32_t epochs_[kFeedPartitions] = {};
  std::size_t owner_[kFeedPartitions] = {};
  bool connected_[kNodes] = {};
  std::size_t cut_ = 1 << 16;
  TimeNs now_ = 1;
};

class MergeTest : public testing::Test, protected MergeWorld {};

TEST_F(MergeTest, PartitionsOfSeveralServersAreOneView) {
  for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
    own(i, i);
    append(i, {.event = "a", .user = std::to_string(i), .properties = R"({"n":1.5})"});
    append(i, {.event = std::to_string(i)});
    fold(i);
    connect(i);
    EXPECT_EQ(shown(), Rows{"building"});
    tell(i);
  }
  EXPECT_EQ(shown(), expected(specs_[0]));
  EXPECT_EQ(shown().size(), 4U);
  append(1, {.event = "a"});
  fold(1);
  tell(1);
  EXPECT_EQ(shown(), expected(specs_[0]));
  for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
    EXPECT_TRUE(audit(i).live && audit(i).holds);
    EXPECT_EQ(audit(i).events, log_[i].size());
    EXPECT_EQ(merge_.progress(now_)[i].rows, log_[i].size());
  }
}

TEST_F(MergeTest, WhatWasToldLastStaysUntilTheNewOwnerHasToldAll) {
  for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
    own(0, i);
    append(i);
    fold(i);
  }
  connect(0);
  tell(0);
  Rows before = shown();
  connect(1);
  append(0);
  own(1, 0);  // builds
  tell(1);
  EXPECT_EQ(shown(), before);
  nodes_[0]->fold(0, log_[0], 1);
  tell(0);  // the owner before goes on telling
  EXPECT_EQ(shown(), before);
  fold(0);
  tell(1);
  EXPECT_EQ(shown(), expected(specs_[0]));
  EXPECT_EQ(audit(0).events, 2U);
}

TEST_F(MergeTest, AnOwnerOfBeforeIsNotListenedToAnyMore) {
  for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
    own(0, i);
    fold(i);
  }
  connect(0);
  tell(0);
  connect(1);
  own(1, 2);
  append(2);
  fold(2);
  tell(1);
  Rows right = shown();
  EXPECT_EQ(right, expected(specs_[0]));
  // It was stopped in the middle of something, and wakes up with what nobody else has seen.
  std::vector<FeedEvent> other(5, FeedEvent{.event = "stray"});
  nodes_[0]->fold(2, other, 5);
  tell(0);
  EXPECT_EQ(shown(), right);
  disconnect(0);
  connect(0);
  tell(0);
  EXPECT_EQ(shown(), right);
  EXPECT_EQ(merge_.progress(now_)[2].rows, 1U);
  EXPECT_EQ(merge_.status()[1].partitions, std::vector<PartitionId>{PartitionId(2)});
}

TEST_F(MergeTest, AServerThatIsAwayIsNamedWithTheAgeOfWhatItTold) {
  for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
    own(i == 2 ? 1 : 0, i);
    append(i);
    fold(i);
  }
  EXPECT_THAT(merge_.progress(now_)[0].trouble, HasSubstr("has told of it yet"));
  connect(0);
  connect(1);
  tell(0);
  tell(1);
  EXPECT_EQ(merge_.progress(now_)[2].trouble, "");
  disconnect(1);
  now_ += 2'500'000'000;
  tell(0);
  std::vector<PartitionProgress> progress = merge_.progress(now_);
  EXPECT_EQ(progress[0].trouble, "");
  EXPECT_EQ(progress[2].trouble, "http://b is away, this is 2.5 s old: it broke");
  EXPECT_EQ(shown(), expected(specs_[0]));
  EXPECT_FALSE(merge_.status()[1].up);
  append(2);  // meanwhile it goes on
  fold(2);
  connect(1);
  tell(1);
  EXPECT_EQ(shown(), expected(specs_[0]));
  EXPECT_EQ(merge_.progress(now_)[2].trouble, "");
}

TEST_F(MergeTest, AViewThatAServerDeclaresOtherwiseSaysSo) {
  ViewSpec other = feed_view("w");
  other.json = "{\"name\":\"w\",\"horizon\":\"1h\"}";
  EXPECT_TRUE(nodes_[0]->views().declare(other).ok());
  EXPECT_TRUE(shown_.declare(feed_view("w")).ok());
  own(0, 0);
  connect(0);
  tell(0);
  EXPECT_THAT(merge_.trouble(*shown_.find("w")), HasSubstr("http://a declares it otherwise"));
  EXPECT_EQ(merge_.trouble(*shown_.find("v")), "");
  EXPECT_EQ(merge_.status()[0].reason, "views are declared otherwise there, or not at all: w");
}

TEST_F(MergeTest, AStrangersFeedIsRefused) {
  FeedWriter other(nodes_[0]->views(), 7, Generation(2));
  merge_.begin(0);
  EXPECT_THAT(take(0, other.hello()).error().message, HasSubstr("generation 2 of the stream"));
  merge_.begin(0);
  std::string frame = nodes_[0]->writer().tick(nodes_[0]->progress(log_), true)[0];
  EXPECT_EQ(take(0, frame).error().code, Code::kCorrupt);  // without a hello
  connect(0);
  own(0, 0);
  tell(0);
  merge_.begin(1);
  EXPECT_THAT(take(1, nodes_[0]->writer().hello()).error().message, HasSubstr("the same server as http://a"));
  nodes_[0]->writer().tick(nodes_[0]->progress(log_), true);
  frame = nodes_[0]->writer().tick(nodes_[0]->progress(log_), true)[0];
  EXPECT_THAT(take(0, frame).error().message, HasSubstr("left out a frame"));
}

// The bytes of the page's example.
std::string bytes_of_page() {
  std::ifstream file("docs/formats/view-feed.md");
  std::string bytes;
  for (std::string line; std::getline(file, line);) {
    std::istringstream numbers(line.starts_with("    0000") ? line.substr(line.find(": ") + 2) : "");
    for (unsigned number = 0; numbers >> std::hex >> number;) {
      bytes.push_back(static_cast<char>(number));
    }
  }
  return bytes;
}

TEST(FeedFormat, ThePageHasTheBytesThatAreWrittenAndRead) {
  ViewSpec spec = feed_view("v");
  spec.measures.resize(1);
  Views views(Generation(1), 1, ViewLimits{}, {});
  ASSERT_TRUE(views.declare(spec).ok());
  PartitionViews& partition = views.partition(PartitionId(0));
  partition.begin({}, SequenceNumber(0), Epoch(3));
  partition.go_live(SequenceNumber(0));
  EventView event;
  event.event = "e";
  event.properties = "{}";
  event.time = event.received = kFeedNow;
  partition.begin_record(SequenceNumber(0), kFeedNow, true);
  partition.fold(event, SequenceNumber(0));
  partition.end_record(SequenceNumber(1));
  partition.audit(1);
  FeedWriter writer(views, 7, Generation(1));
  PartitionProgress progress;
  progress.stored_until = progress.durable_end = SequenceNumber(1);
  progress.rows = 1;
  std::string bytes = writer.hello();
  for (const std::string& frame : writer.tick({progress}, false)) {
    bytes += frame;
  }
  std::string hex;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    hex += i % 16 == 0 ? fmt::format("\n    {:08x}:", i) : "";
    hex += fmt::format(" {:02x}", static_cast<unsigned char>(bytes[i]));
  }
  EXPECT_EQ(bytes_of_page(), bytes) << "it should be" << hex;

  Views shown(Generation(1), 1, ViewLimits{}, {});
  ASSERT_TRUE(shown.declare(spec).ok());
  FeedMerge merge(shown, Generation(1), {"http://a"});
  FeedCutter cutter;
  cutter.add(bytes_of_page());
  merge.begin(0);
  for (int frame = 0; frame < 3; ++frame) {
    EXPECT_TRUE(merge.take(0, *cutter.next(), 1).ok());
  }
  ViewTable table(shown, shown.find("v"));
  EXPECT_EQ(feed_rows(table), Rows{"1699999980000 e 1 "});
  EXPECT_TRUE(shown.partition(PartitionId(0)).last_audit().holds);
}

TEST_F(MergeTest, WhoeverWaitsIsToldWhenTheProcessorHasStoredIt) {
  own(0, 0);
  append(0);
  connect(0);
  tell(0);
  EXPECT_FALSE(merge_.wait_stored(PartitionId(0), SequenceNumber(1), 0));
  fold(0);
  tell(0);
  EXPECT_TRUE(merge_.wait_stored(PartitionId(0), SequenceNumber(1), 0));
}

// Any order of events, ticks, broken connections, restarts, takeovers, zombies.
class RandomWorld : MergeWorld {
 public:
  explicit RandomWorld(std::uint64_t seed) : random_(seed) {}

  void run() {
    cut_ = 1 + below(300);
    for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
      own(below(kNodes), i);
    }
    bool was_live = false;
    for (int step = 0; step < 250 && !testing::Test::HasFailure(); ++step) {
      act();
      table().refresh();
      EXPECT_TRUE(table().live() || !was_live);  // once there is something to show, something is shown
      was_live = table().live();
      for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
        EXPECT_TRUE(audit(i).holds);
      }
    }
    for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
      fold(i);
    }
    for (std::size_t i = 0; i < kNodes; ++i) {
      connected_[i] ? void() : connect(i);
      tell(i);
    }
    check();
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void act() {
    std::size_t node = below(kNodes);
    auto partition = static_cast<std::uint16_t>(below(kFeedPartitions));
    switch (below(16)) {
      case 0:
        connected_[node] ? disconnect(node) : connect(node);
        break;
      case 1:
        own(node, partition);
        nodes_[node]->set_folded(partition, log_[partition].size());  // it recovered; its views are behind
        break;
      case 2:
        below(3) == 0 ? restart(node) : void();
        break;
      case 3:  // a row turned out to be none
        nodes_[owner_[partition]]->partition(partition).restart();
        break;
      case 4:
        wake_zombie(node, partition);
        break;
      case 5:
        time_ += static_cast<TimeNs>(below(400)) * kFeedSecondNs;
        break;
      case 6:
      case 7:
      case 8:
      case 9:
        for (std::size_t n = below(6); n > 0; --n) {
          append(partition, event());
        }
        break;
      case 10:
      case 11:
        fold(partition);
        break;
      default:
        connected_[node] ? tell(node) : void();
    }
  }

  FeedEvent event() {
    return {.event = std::string(1, static_cast<char>('a' + below(9))),
            .user = std::to_string(below(50)),
            .properties = below(4) == 0 ? "{}" : fmt::format(R"({{"n":{}}})", below(1000)),
            .time = time_ - static_cast<TimeNs>(below(700)) * kFeedSecondNs,
            .received = time_};
  }

  // A process ends, another begins: what it owned gets other owners.
  void restart(std::size_t node) {
    connected_[node] ? disconnect(node) : void();
    nodes_[node] = std::make_unique<FeedNode>(specs_, ++programs_);
    for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
      owner_[i] == node ? own(below(kNodes), i) : void();
    }
  }

  // Who owned the partition once folds what is in no log.
  void wake_zombie(std::size_t node, std::uint16_t partition) {
    if (owner_[partition] != node && nodes_[node]->partition(partition).owner().value > 0) {
      std::vector<FeedEvent> strays(nodes_[node]->folded(partition) + 3, FeedEvent{.event = "stray"});
      nodes_[node]->fold(partition, strays, strays.size());
    }
  }

  void check() {
    EXPECT_EQ(shown(), expected(specs_[0]));
    for (std::uint16_t i = 0; i < kFeedPartitions; ++i) {
      EXPECT_TRUE(audit(i).live && audit(i).holds);
      EXPECT_EQ(audit(i).events, log_[i].size());
      const auto& copy = shown_.partition(PartitionId(i)).lanes()[0];
      const auto& original = nodes_[owner_[i]]->partition(i).lanes()[0];
      EXPECT_EQ(copy.state->rows(), original.state->rows());
      EXPECT_EQ(copy.state->kept_from(), original.state->kept_from());
      EXPECT_EQ(copy.state->folded(), original.state->folded());
    }
  }

  std::mt19937_64 random_;
  TimeNs time_ = kFeedNow;
};

TEST_F(MergeTest, WhateverHappensTheCopyIsWhatTheProcessorsHave) {
  configure_log(LogLevel::kNothing, LogFormat::kText);
  std::uint64_t seed = random_number();
  for (std::uint64_t world = 0; world < 150 && !HasFailure(); ++world) {
    SCOPED_TRACE(fmt::format("seed {}", seed + world));
    RandomWorld(seed + world).run();
  }
}

}  // namespace
}  // namespace millrace
