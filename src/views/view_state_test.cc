#include "views/view_state.h"

#include <map>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/check.h"
#include "base/time_format.h"
#include "model/index_for_test.h"

namespace millrace {
namespace {

constexpr TimeNs kNow = 1'700'000'000 * kSecond;  // a whole second, 20 s into its minute

FieldRef base(const std::string& name) { return {FieldRef::Kind::kBase, name, {}, name}; }
FieldRef property(const std::string& name) { return {FieldRef::Kind::kProperty, "", {name}, "properties." + name}; }

ViewMeasure measure(ViewMeasure::Kind kind, FieldRef field = {}) {
  ViewMeasure made;
  made.kind = kind;
  made.field = std::move(field);
  made.top = kind == ViewMeasure::Kind::kTop ? 3 : 0;
  made.quantile = 0.5;
  return made;
}

ViewSpec by_event(Every grain = Every::kMinute, TimeNs horizon = 3600 * kSecond) {
  ViewSpec spec;
  spec.name = "v";
  spec.by = {base("event")};
  spec.grain = grain;
  spec.horizon = horizon;
  spec.measures = {measure(ViewMeasure::Kind::kCount), measure(ViewMeasure::Kind::kUniq, base("visitor"))};
  return spec;
}

struct Event {
  std::string event = "e", user = "u", properties = "{}", index = "";
  TimeNs time = kNow;
  EventView view() {
    EventView made;
    made.project = "p";
    made.event = event;
    made.user_id = user;
    made.time = time;
    made.received = kNow;
    made.properties = properties;
    index = index_of(properties);
    made.property_index = index;
    return made;
  }
};

class ViewStateTest : public testing::Test {
 protected:
  void fold(ViewState& state, Event event) {
    EventView view = event.view();
    state.fold(view, reader_.read(view));
  }
  // "time key,key: values", of rows that changed.
  static std::vector<std::string> changed(ViewState& state, std::size_t measures) {
    std::vector<std::string> rows;
    state.take_changed([&](const ViewState::Row& row) {
      JsonWriter json;
      json.begin_array();
      for (std::size_t i = 0; i < measures; ++i) {
        state.aggregates().finalize(row.states, i, json);
      }
      json.end_array();
      std::string text = fmt::format("{}", (row.time - kNow) / kSecond);
      for (auto dimension : ViewState::decode_key(row.key)) {
        text += " " + std::string(dimension.value_or("-"));
      }
      rows.push_back(text + (row.other ? " (other)" : "") + " " + json.take());
    });
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  FieldReader reader_;
};

using Rows = std::vector<std::string>;

TEST_F(ViewStateTest, RowsAreKeyedByBucketAndDimensions) {
  ViewSpec spec = by_event();
  ViewState state(spec, reader_, 1 << 20);
  state.advance(kNow);
  fold(state, {});
  fold(state, {.user = "other"});
  fold(state, {.event = "f"});
  fold(state, {.time = kNow - 60 * kSecond});
  EXPECT_EQ(changed(state, 2), (Rows{"-20 e [2,2]", "-20 f [1,1]", "-80 e [1,1]"}));
  EXPECT_EQ(changed(state, 2), Rows{});
  fold(state, {});
  EXPECT_EQ(changed(state, 2), Rows{"-20 e [3,2]"});
}

TEST_F(ViewStateTest, LateEventsFallIntoTheirBucketUntilTheHorizonHasLeftIt) {
  ViewSpec spec = by_event(Every::kOneSecond, 10 * kSecond);
  ViewState state(spec, reader_, 1 << 20);
  state.advance(kNow);
  fold(state, {.time = kNow - 10 * kSecond});  // its bucket ends just within
  fold(state, {.time = kNow - 11 * kSecond});
  EXPECT_EQ(changed(state, 1), Rows{"-10 e [1]"});
  EXPECT_EQ(state.outside(), 1U);
  state.advance(kNow + 2 * kSecond);
  EXPECT_EQ(state.rows(), 0U);
  // The clock goes back: a bucket that went is not begun anew with a part of its events.
  state.advance(kNow);
  fold(state, {.time = kNow - 10 * kSecond});
  EXPECT_EQ(state.rows(), 0U);
  fold(state, {.time = kNow - 9 * kSecond});
  EXPECT_EQ(state.rows(), 1U);
  EXPECT_EQ(state.kept_from(), kNow - 9 * kSecond);
}

TEST_F(ViewStateTest, AClockThatWasADayAheadLosesNothingThatCameAfter) {
  ViewSpec spec = by_event(Every::kOneSecond, 10 * kSecond);
  ViewState state(spec, reader_, 1 << 20);
  TimeNs day = 86'400 * kSecond;
  state.advance(kNow + day);
  fold(state, {.time = kNow + day});
  state.advance(kNow);
  fold(state, {});
  EXPECT_EQ(changed(state, 1), (Rows{"0 e [1]", "86400 e [1]"}));
}

TEST_F(ViewStateTest, KeysBeyondTheBoundFallIntoTheOtherRowAndCountsStayExact) {
  ViewSpec spec = by_event();
  spec.keys_max = 3;
  ViewState state(spec, reader_, 1 << 20);
  state.advance(kNow);
  for (int i = 0; i < 30; ++i) {
    fold(state, {.event = fmt::format("e{}", i % 10)});
  }
  EXPECT_EQ(changed(state, 1), (Rows{"-20 (other) [21]", "-20 e0 [3]", "-20 e1 [3]", "-20 e2 [3]"}));
  EXPECT_EQ(state.other(), 21U);
}

TEST_F(ViewStateTest, MemoryIsBoundedByGivingUpTheOldestBuckets) {
  ViewSpec spec = by_event(Every::kOneSecond, 90'000 * kSecond);
  ViewState state(spec, reader_, 200'000);
  for (int i = 0; i < 20'000; ++i) {
    TimeNs now = kNow + i * (kSecond / 10);
    state.advance(now);
    fold(state, {.event = fmt::format("event-{}", i % 7), .user = fmt::format("user-{}", i % 999), .time = now});
    ASSERT_LE(state.bytes(), 200'000U + 20'000U);
  }
  EXPECT_GT(state.rows(), 100U);
  EXPECT_GT(state.kept_from(), kNow);
}

TEST_F(ViewStateTest, PropertiesAreReadAsTheStoreReadsThem) {
  ViewSpec spec = by_event();
  spec.by = {property("k")};
  spec.measures = {measure(ViewMeasure::Kind::kCount), measure(ViewMeasure::Kind::kSum, property("n")),
                   measure(ViewMeasure::Kind::kMax, property("n"))};
  ViewState state(spec, reader_, 1 << 20);
  state.advance(kNow);
  fold(state, {.properties = R"({"k":"a","n":1})"});
  fold(state, {.properties = R"({"n":2.5,"k":"a"})"});
  fold(state, {.properties = R"({"k":"a","n":"7"})"});
  fold(state, {.properties = R"({"k":"a\"b"})"});
  fold(state, {.properties = R"({"k":null,"n":-3})"});
  fold(state, {.properties = R"({"k":1.50})"});
  fold(state, {.properties = R"({"k":true})"});
  fold(state, {.properties = R"({"k":[1,{"x":2}]})"});
  EXPECT_EQ(changed(state, 3), (Rows{"-20 - [1,-3,-3]", "-20 1.5 [1,null,null]", "-20 [1,{\"x\":2}] [1,null,null]",
                                     "-20 a [3,3.5,2.5]", "-20 a\"b [1,null,null]", "-20 true [1,null,null]"}));
}

TEST_F(ViewStateTest, ComesBackByteByByteAndIsFoldedOn) {
  ViewSpec spec = by_event();
  spec.by.push_back(property("k"));
  spec.keys_max = 4;
  for (auto kind : {ViewMeasure::Kind::kSum, ViewMeasure::Kind::kMean, ViewMeasure::Kind::kMin, ViewMeasure::Kind::kMax,
                    ViewMeasure::Kind::kQuantile, ViewMeasure::Kind::kTop}) {
    spec.measures.push_back(measure(kind, property("n")));
  }
  ViewState state(spec, reader_, 1 << 20);
  std::mt19937 random(7);
  auto event = [&] {
    return Event{.event = fmt::format("e{}", random() % 3),
                 .user = fmt::format("u{}", random() % 50),
                 .properties = fmt::format(R"({{"k":{},"n":{}}})", random() % 3, random() % 1000),
                 .time = kNow - static_cast<TimeNs>(random() % 300) * kSecond};
  };
  state.advance(kNow);
  for (int i = 0; i < 2000; ++i) {
    fold(state, event());
  }
  std::string bytes;
  state.append_to(bytes);
  ViewState read(spec, reader_, 1 << 20);
  ASSERT_TRUE(read.read(bytes).ok());
  EXPECT_EQ(read.bytes(), state.bytes());
  read.advance(kNow);
  for (int i = 0; i < 500; ++i) {
    Event next = event();
    fold(state, next);
    fold(read, next);
  }
  std::string one, two;
  state.append_to(one);
  read.append_to(two);
  EXPECT_EQ(one, two);
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    ViewState cut(spec, reader_, 1 << 20);
    EXPECT_FALSE(cut.read(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
}

TEST_F(ViewStateTest, FiltersMeanWhatTheStoreMeans) {
  auto leaf = [](Filter::Kind kind, FieldRef field, std::vector<Literal> literals) {
    Filter filter;
    filter.kind = kind;
    filter.field = std::move(field);
    filter.literals = std::move(literals);
    return filter;
  };
  using Kind = Filter::Kind;
  Event event{.event = "signup", .user = "", .properties = R"({"n":10,"s":"10","b":true})"};
  EventView view = event.view();
  auto holds = [&](const Filter& filter) {
    FieldReader reader;
    Result<EventFilter> compiled = EventFilter::compile(filter, reader);
    MR_CHECK(compiled.ok());
    return compiled->matches(view, reader.read(view));
  };
  EXPECT_TRUE(holds(leaf(Kind::kEqual, base("event"), {std::string("signup")})));
  EXPECT_TRUE(holds(leaf(Kind::kPrefix, base("event"), {std::string("sign")})));
  EXPECT_TRUE(holds(leaf(Kind::kContains, base("event"), {std::string("gnu")})));
  EXPECT_FALSE(holds(leaf(Kind::kEqual, base("user_id"), {std::string("")})));
  EXPECT_FALSE(holds(leaf(Kind::kExists, base("user_id"), {})));
  EXPECT_TRUE(holds(leaf(Kind::kNotEqual, base("user_id"), {std::string("x")})));
  EXPECT_FALSE(holds(leaf(Kind::kLess, base("user_id"), {std::string("x")})));
  EXPECT_TRUE(holds(leaf(Kind::kGreaterEqual, property("n"), {std::int64_t{10}})));
  EXPECT_FALSE(holds(leaf(Kind::kEqual, property("s"), {std::int64_t{10}})));
  EXPECT_TRUE(holds(leaf(Kind::kEqual, property("n"), {std::string("10")})));
  EXPECT_TRUE(holds(leaf(Kind::kEqual, property("b"), {true})));
  EXPECT_TRUE(holds(leaf(Kind::kIn, property("n"), {std::string("x"), 10.0})));
  EXPECT_FALSE(holds(leaf(Kind::kGreater, property("missing"), {std::int64_t{0}})));
  EXPECT_TRUE(holds(leaf(Kind::kLess, base("time"), {std::string("2024-01-01T00:00:00Z")})));
  Filter negated;
  negated.kind = Kind::kNot;
  negated.parts = {leaf(Kind::kExists, property("missing"), {})};
  EXPECT_TRUE(holds(negated));
  FieldReader reader;
  EXPECT_FALSE(EventFilter::compile(leaf(Kind::kLess, property("n"), {true}), reader).ok());
}

TEST_F(ViewStateTest, TheFeedIsToldOnItsOwnAndNothingBeforeItAsks) {
  ViewSpec spec = by_event();
  ViewState state(spec, reader_, 1 << 20);
  state.advance(kNow);
  auto told = [&](std::size_t most) {
    std::size_t rows = 0;
    bool all = state.take_changed(ViewState::Listener::kFeed, [&](const ViewState::Row&) { return ++rows < most; });
    return fmt::format("{}{}", rows, all ? "" : " and more");
  };
  fold(state, {});
  EXPECT_EQ(told(9), "0");
  state.tell_again(ViewState::Listener::kFeed);
  fold(state, {.event = "f"});
  fold(state, {.event = "f", .time = kNow - 60 * kSecond});
  EXPECT_EQ(told(2), "2 and more");
  EXPECT_EQ(told(2), "1");
  EXPECT_EQ(changed(state, 1).size(), 3U);  // the table has not been told less
  EXPECT_EQ(told(9), "0");
  state.tell_again(ViewState::Listener::kFeed);
  EXPECT_EQ(told(9), "3");
  EXPECT_EQ(changed(state, 1).size(), 0U);
  state.rest_feed();
  fold(state, {});
  EXPECT_EQ(told(9), "0");
}

TEST_F(ViewStateTest, ACopyIsFilledByRowsAndKeepsTheNewerOfTwo) {
  ViewSpec spec = by_event();
  ViewState state(spec, reader_, 1 << 20);
  ViewState copy(spec, reader_, 1 << 20);
  state.advance(kNow);
  state.tell_again(ViewState::Listener::kFeed);
  struct Told {
    std::int64_t bucket;
    std::string key, states;
    std::uint64_t count;
  };
  std::vector<Told> told;
  auto tell = [&] {
    told.clear();
    state.take_changed(ViewState::Listener::kFeed, [&](const ViewState::Row& row) {
      told.push_back({state.bucket_number(row), std::string(row.key), "", row.count});
      state.aggregates().append_to(row.states, told.back().states);
      return true;
    });
    copy.put_totals(state.totals());
    for (const Told& row : told) {
      EXPECT_TRUE(copy.put_row(row.bucket, row.key, false, row.count, row.states).ok());
    }
  };
  fold(state, {});
  fold(state, {.event = "f", .time = kNow - 3000 * kSecond});
  fold(state, {.time = kNow - 7200 * kSecond});
  tell();
  EXPECT_EQ(changed(copy, 2), (Rows{"-20 e [1,1]", "-3020 f [1,1]"}));
  EXPECT_EQ(copy.folded(), 3U);
  std::vector<Told> before = told;
  fold(state, {.user = "v"});
  state.advance(kNow + 1200 * kSecond);  // f's bucket goes
  tell();
  EXPECT_EQ(changed(copy, 2), Rows{"-20 e [2,2]"});
  EXPECT_EQ(copy.rows(), 1U);
  EXPECT_EQ(copy.folded(), state.folded());
  EXPECT_EQ(copy.kept_from(), state.kept_from());
  EXPECT_EQ(copy.bytes(), state.bytes());
  state.advance(kNow);  // the clock goes back: a bucket that had never been there may begin now
  fold(state, {.event = "g", .time = kNow - 2900 * kSecond});
  tell();
  EXPECT_EQ(changed(copy, 2), Rows{"-2900 g [1,1]"});
  EXPECT_EQ(copy.folded(), state.folded());
  for (const Told& row : before) {  // late frames change nothing
    EXPECT_TRUE(copy.put_row(row.bucket, row.key, false, row.count, row.states).ok());
  }
  EXPECT_EQ(changed(copy, 2), Rows{});
  EXPECT_FALSE(copy.put_row(before.back().bucket, "no key", false, 9, before.back().states).ok());
  EXPECT_FALSE(copy.put_row(before.back().bucket, before.back().key, false, 9, before.back().states + "x").ok());
  EXPECT_FALSE(copy.put_row(INT64_MAX, before.back().key, false, 9, before.back().states).ok());
}

}  // namespace
}  // namespace millrace
