#include "demo/traffic.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "base/json.h"

namespace millrace {
namespace {

constexpr TimeNs kSec = 1'000'000'000;
constexpr TimeNs kHour = 3600 * kSec;
constexpr TimeNs kNow = 1'800'000'000 * kSec;

std::vector<Json> events_of(const std::string& lines) {
  std::vector<Json> events;
  for (std::size_t at = 0; at < lines.size();) {
    std::size_t end = lines.find('\n', at);
    Result<Json> json = Json::parse(lines.substr(at, end - at));
    EXPECT_TRUE(json.ok()) << lines.substr(at, end - at);
    events.push_back(std::move(*json));
    at = end + 1;
  }
  return events;
}

std::int64_t ms_of(const Json& event) { return event.find("timestamp")->integer().value(); }

class TrafficTest : public testing::Test {
 protected:
  std::string write(TimeNs from, TimeNs until, std::size_t piece = 1'000'000, std::uint64_t seed = 7) {
    Traffic traffic(story_, {seed, 500, "t"}, from);
    std::string lines;
    while (traffic.write_until(until, piece, lines) == piece) {
    }
    return lines;
  }
  Story story_{{kNow, 14, 20}};
};

TEST_F(TrafficTest, SameSeedGivesTheSameEventsInWhateverPieces) {
  std::string whole = write(kNow, kNow + 60 * kSec);
  EXPECT_EQ(whole, write(kNow, kNow + 60 * kSec, 17));
  EXPECT_NE(whole, write(kNow, kNow + 60 * kSec, 17, 8));
}

TEST_F(TrafficTest, EventsAreValidInOrderAndHaveIdsOfTheirOwn) {
  std::vector<Json> events = events_of(write(kNow, kNow + 300 * kSec));
  ASSERT_GT(events.size(), 500u);
  std::set<std::string> ids;
  std::int64_t last = kNow / 1'000'000;
  for (const Json& event : events) {
    EXPECT_GE(ms_of(event), last);
    last = ms_of(event);
    EXPECT_TRUE(ids.insert(event.find("message_id")->text()).second);
    EXPECT_TRUE(event.find("user_id") != nullptr || event.find("anonymous_id") != nullptr);
    EXPECT_NE(event.find("properties")->find("version"), nullptr);
  }
  EXPECT_LT(last, (kNow + 300 * kSec) / 1'000'000);
}

TEST_F(TrafficTest, AsManyEventsComeAsTheStorySays) {
  std::vector<Json> events = events_of(write(kNow, kNow + kHour / 2));
  double expected = 0;
  for (TimeNs at = kNow; at < kNow + kHour / 2; at += kSec) {
    expected += story_.events_per_second(at);
  }
  EXPECT_NEAR(static_cast<double>(events.size()), expected, 0.1 * expected);
}

TEST_F(TrafficTest, TrafficIsThereFromTheFirstMinuteOn) {
  auto first = static_cast<double>(events_of(write(kNow, kNow + 60 * kSec)).size());
  EXPECT_NEAR(first, 60 * 20, 0.2 * 60 * 20);
}

TEST_F(TrafficTest, IncidentIsSeenInErrorsAndLatency) {
  auto errors = [this](TimeNs from) {
    std::vector<Json> events = events_of(write(from, from + 10 * 60 * kSec));
    std::size_t count = 0;
    for (const Json& event : events) {
      count += event.find("event")->text() == "error_shown";
    }
    return static_cast<double>(count) / static_cast<double>(events.size());
  };
  EXPECT_GT(errors(kNow - 2 * kHour + 8 * 60 * kSec), 10 * errors(kNow - kHour));
  EXPECT_GT(story_.slowness(kNow - 2 * kHour + 12 * 60 * kSec), 5.0);
  EXPECT_GT(story_.slowness(kNow - 71 * kHour), 2.0);
  EXPECT_DOUBLE_EQ(story_.slowness(kNow - kHour), 1.0);
}

TEST_F(TrafficTest, StoryHasQuietNightsQuietWeekendsAndALaunch) {
  TimeNs monday = (1'800'000'000 - 1'800'000'000 % 86400 - 6 * 86400) * kSec;
  while ((monday / (24 * kHour) + 3) % 7 != 0) {
    monday -= 24 * kHour;
  }
  EXPECT_GT(story_.events_per_second(monday + 15 * kHour), 2 * story_.events_per_second(monday + 3 * kHour));
  EXPECT_GT(story_.events_per_second(monday + 15 * kHour),
            1.4 * story_.events_per_second(monday + (5 * 24 + 15) * kHour));
  EXPECT_GT(story_.events_per_second(kNow - 60 * kSec), 50 * story_.events_per_second(kNow - 6 * kHour));
  EXPECT_NEAR(story_.events_per_second(kNow - kSec), story_.events_per_second(kNow + kSec), 0.2 * 20);
}

TEST_F(TrafficTest, FewUsersDoMuchAndManyDoLittle) {
  std::map<std::string, std::size_t> by_user;
  std::size_t known = 0;
  for (const Json& event : events_of(write(kNow, kNow + kHour))) {
    if (const Json* user = event.find("user_id")) {
      ++by_user[user->text()];
      ++known;
    }
  }
  std::size_t most = 0;
  for (const auto& [user, count] : by_user) {
    most = std::max(most, count);
  }
  EXPECT_GT(by_user.size(), 300u);
  EXPECT_GT(most, 20 * known / by_user.size());
}

}  // namespace
}  // namespace millrace
