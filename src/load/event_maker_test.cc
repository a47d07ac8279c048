#include "load/event_maker.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/time_format.h"

namespace millrace::load {
namespace {

constexpr TimeNs kNow = 1'700'000'000'123'000'000;

std::vector<std::string> lines_of(const Request& request) {
  std::string_view body = request.bytes.substr(request.bytes.find("\r\n\r\n") + 4);
  std::vector<std::string> lines;
  while (!body.empty()) {
    lines.emplace_back(body.substr(0, body.find('\n')));
    body.remove_prefix(lines.back().size() + 1);
  }
  return lines;
}

std::string text_of(const Json& event, std::string_view key) {
  const Json* found = event.find(key);
  EXPECT_NE(found, nullptr) << key;
  return found == nullptr ? "" : found->text();
}

EventOptions plain() {
  EventOptions options;
  options.repeats = options.late = options.malformed = 0;
  options.run = "0badcafe";
  return options;
}

TEST(EventMaker, MakesEventsOfTheWantedKind) {
  EventMaker maker(plain(), 100, 1, 3);
  std::set<std::string> ids, names, users, paths;
  for (int i = 0; i < 200; ++i) {
    Request request = maker.next(kNow);
    EXPECT_EQ(request.events, 100);
    std::vector<std::string> lines = lines_of(request);
    ASSERT_EQ(lines.size(), 100);
    for (const std::string& line : lines) {
      auto event = Json::parse(line);
      ASSERT_TRUE(event.ok()) << line;
      EXPECT_GE(line.size() + 1, 200);
      EXPECT_LE(line.size() + 1, 400);
      EXPECT_TRUE(ids.insert(text_of(*event, "message_id")).second) << "an id twice";
      EXPECT_EQ(parse_rfc3339(text_of(*event, "timestamp")), kNow);
      names.insert(text_of(*event, "event"));
      users.insert(text_of(*event, "user_id"));
      EXPECT_EQ(text_of(*event, "session_id").substr(1, 8), text_of(*event, "user_id").substr(1));
      const Json* properties = event->find("properties");
      ASSERT_NE(properties, nullptr);
      EXPECT_EQ(text_of(*properties, "run"), "0badcafe");
      paths.insert(text_of(*properties, "path"));
    }
  }
  EXPECT_TRUE(ids.begin()->starts_with("0badcafe03"));
  EXPECT_EQ(names.size(), 20);
  EXPECT_GT(users.size(), 2'000);
  EXPECT_GT(paths.size(), 4'500);
  EXPECT_LE(paths.size(), 5'000);
}

TEST(EventMaker, HeadSaysHowLongTheBodyIs) {
  EventMaker maker(plain(), 7, 1, 0);
  std::string_view bytes = maker.next(kNow).bytes;
  std::size_t body = bytes.size() - bytes.find("\r\n\r\n") - 4;
  EXPECT_TRUE(bytes.starts_with("POST /v1/events HTTP/1.1\r\nHost: load\r\n"));
  EXPECT_NE(bytes.find("Content-Length: " + std::to_string(body) + "\r\n\r\n"), std::string_view::npos);
}

TEST(EventMaker, RepeatsAreOfAcknowledgedEventsAlone) {
  EventOptions options = plain();
  options.repeats = 0.2;
  EventMaker maker(options, 50, 1, 0);
  std::map<std::string, std::string> acknowledged;  // id → user
  std::uint32_t repeats = 0;
  for (int i = 0; i < 100; ++i) {
    Request request = maker.next(kNow);
    std::uint32_t known = 0;
    std::map<std::string, std::string> sent;
    for (const std::string& line : lines_of(request)) {
      Json event = *Json::parse(line);
      std::string id = text_of(event, "message_id");
      auto before = acknowledged.find(id);
      if (before != acknowledged.end()) {
        EXPECT_EQ(before->second, text_of(event, "user_id"));
        ++known;
      } else {
        EXPECT_TRUE(sent.emplace(id, text_of(event, "user_id")).second) << "repeated within one request";
      }
    }
    EXPECT_EQ(known, request.repeats);
    repeats += known;
    if (i % 2 == 0) {  // the others were refused
      maker.acknowledged(request);
      acknowledged.merge(sent);
    }
  }
  EXPECT_NEAR(repeats, 0.2 * 50 * 99, 150);
}

TEST(EventMaker, LateAndMalformedEventsHaveTheirShares) {
  EventOptions options = plain();
  options.late = 0.1;
  options.malformed = 0.05;
  EventMaker maker(options, 1'000, 1, 0);
  std::uint32_t broken = 0, counted = 0, late = 0;
  for (int i = 0; i < 20; ++i) {
    Request request = maker.next(kNow);
    counted += request.malformed;
    for (const std::string& line : lines_of(request)) {
      auto event = Json::parse(line);
      broken += event.ok() ? 0 : 1;
      if (event.ok()) {
        TimeNs age = kNow - *parse_rfc3339(text_of(*event, "timestamp"));
        EXPECT_GE(age, 0);
        EXPECT_LE(age, options.late_max);
        late += age > 0 ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(broken, counted) << "as many as it says";
  EXPECT_NEAR(broken, 1'000, 200);
  EXPECT_NEAR(late, 1'900, 300);
}

TEST(EventMaker, SameSeedMakesTheSameBytes) {
  EventMaker one(EventOptions(), 20, 9, 0), same(EventOptions(), 20, 9, 0), other(EventOptions(), 20, 10, 0);
  std::string bytes(one.next(kNow).bytes);
  EXPECT_EQ(bytes, same.next(kNow).bytes);
  EXPECT_NE(bytes, other.next(kNow).bytes);
}

}  // namespace
}  // namespace millrace::load
