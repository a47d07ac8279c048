// Laws that every aggregate keeps: any grouping of the parts gives the same result (or one within the bound that its
// header states), written states come back as they were, and the stated errors hold against exact answers.

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "views/aggregates/count.h"
#include "views/aggregates/mean.h"
#include "views/aggregates/min_max.h"
#include "views/aggregates/quantile.h"
#include "views/aggregates/sum.h"
#include "views/aggregates/top.h"
#include "views/aggregates/uniq.h"
#include "views/field_hash.h"
#include "views/real_events_for_test.h"

namespace millrace {
namespace {

constexpr unsigned kSeed = 20260401;

FieldValue text_value(std::string_view text) { return {true, false, 0, text, field_hash(text)}; }
FieldValue number_value_of(double number) { return {true, true, number, {}, 0}; }

template <typename State>
State fresh() {
  if constexpr (std::is_same_v<State, TopState>) {
    return State(TopState::counters_for(10));
  } else {
    return State();
  }
}

template <typename State>
std::string bytes_of(const State& state) {
  std::string bytes;
  state.append_to(bytes);
  return bytes;
}

// Whole numbers, fractions, negative ones, text, and nothing at all.
class Stream {
 public:
  explicit Stream(unsigned seed) : random_(seed) {}
  FieldValue next() {
    std::uint64_t draw = random_() % 100;
    if (draw < 5) {
      return {};
    }
    texts_.push_back(fmt::format("v{}", std::min(random_() % 5000, random_() % 5000)));
    FieldValue value = text_value(texts_.back());
    if (draw < 90) {
      value.numeric = true;
      value.number = draw < 50
                         ? static_cast<double>(random_() % 1000)
                         : std::ldexp(1.0 + 0.001 * static_cast<double>(draw), static_cast<int>(random_() % 60) - 30);
      value.number = draw % 3 == 0 ? -value.number : value.number;
    }
    return value;
  }
  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
  std::deque<std::string> texts_;
};

template <typename State>
class AggregateLaws : public testing::Test {};
using ExactStates = testing::Types<CountState, UniqState, MinState, MaxState, QuantileState>;
TYPED_TEST_SUITE(AggregateLaws, ExactStates);

TYPED_TEST(AggregateLaws, AnyGroupingOfPartsGivesTheSameState) {
  for (unsigned round = 0; round < 30; ++round) {
    Stream stream(kSeed + round);
    TypeParam whole = fresh<TypeParam>();
    std::size_t parts = 1 + stream.random()() % 7;
    std::vector<TypeParam> part(parts, fresh<TypeParam>());
    std::size_t values = stream.random()() % (round % 3 == 0 ? 20'000 : 300);
    for (std::size_t i = 0; i < values; ++i) {
      FieldValue value = stream.next();
      whole.update(value);
      part[stream.random()() % parts].update(value);
    }
    while (part.size() > 1) {  // joined pairwise, in any order
      std::size_t into = stream.random()() % part.size();
      std::size_t from = stream.random()() % part.size();
      if (into != from) {
        part[into].combine(part[from]);
        part.erase(part.begin() + static_cast<std::ptrdiff_t>(from));
      }
    }
    TypeParam none = fresh<TypeParam>();
    none.combine(part[0]);
    none.combine(fresh<TypeParam>());
    EXPECT_EQ(bytes_of(none), bytes_of(whole)) << "round " << round << " of seed " << kSeed;
    EXPECT_EQ(none.heap_bytes() == 0, whole.heap_bytes() == 0);
  }
}

template <typename State>
class StateBytes : public testing::Test {};
using AllStates =
    testing::Types<CountState, UniqState, SumState, MeanState, MinState, MaxState, QuantileState, TopState>;
TYPED_TEST_SUITE(StateBytes, AllStates);

TYPED_TEST(StateBytes, ComeBackAndAreFoldedOnAsIfNeverWritten) {
  for (std::size_t values : {0, 1, 10, 1000, 1537, 30'000}) {
    Stream stream(kSeed);
    TypeParam state = fresh<TypeParam>();
    std::size_t grown = 0;
    for (std::size_t i = 0; i < values; ++i) {
      grown += state.update(stream.next());
    }
    EXPECT_EQ(grown, state.heap_bytes()) << "what it says that it grew by adds up";
    TypeParam read = fresh<TypeParam>();
    std::string bytes = bytes_of(state);
    ByteReader reader(bytes);
    ASSERT_TRUE(read.read(reader).ok());
    EXPECT_TRUE(reader.ok() && reader.rest().empty());
    EXPECT_EQ(read.heap_bytes(), state.heap_bytes()) << values;
    for (std::size_t i = 0; i < 500; ++i) {
      FieldValue value = stream.next();
      state.update(value);
      read.update(value);
    }
    EXPECT_EQ(bytes_of(read), bytes_of(state)) << values;
  }
}

TYPED_TEST(StateBytes, CutsAreFoundAndFlippedBitsDoNoHarm) {
  Stream stream(kSeed);
  TypeParam state = fresh<TypeParam>();
  for (int i = 0; i < 40; ++i) {
    state.update(stream.next());
  }
  std::string bytes = bytes_of(state);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    TypeParam read = fresh<TypeParam>();
    ByteReader reader(std::string_view(bytes).substr(0, size));
    bool ok = read.read(reader).ok();
    EXPECT_FALSE(ok && reader.ok()) << size;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string bad = bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    TypeParam read = fresh<TypeParam>();
    ByteReader reader(bad);
    if (read.read(reader).ok()) {
      read.update(stream.next());  // under the sanitizers
    }
  }
}

TEST(Sum, AnyGroupingIsWithinTwoUnitsOfTheLastPlace) {
  Stream stream(kSeed);
  for (int round = 0; round < 50; ++round) {
    SumState whole;
    std::vector<SumState> parts(5);
    long double exact = 0;
    for (int i = 0; i < 2000; ++i) {
      double number =
          std::ldexp(static_cast<double>(stream.random()() % 1'000'003), static_cast<int>(stream.random()() % 40) - 20);
      number = stream.random()() % 2 == 0 ? number : -number;
      exact += number;
      whole.update(number_value_of(number));
      parts[stream.random()() % 5].update(number_value_of(number));
    }
    for (std::size_t i = 1; i < parts.size(); ++i) {
      parts[0].combine(parts[i]);
    }
    double bound = std::abs(static_cast<double>(exact)) * 0x1p-51 + 1e-9;
    EXPECT_NEAR(whole.sum(), static_cast<double>(exact), bound);
    EXPECT_NEAR(parts[0].sum(), static_cast<double>(exact), bound);
    EXPECT_EQ(parts[0].count(), whole.count());
  }
}

TEST(Sum, WhatAPlainSumWouldLoseIsKept) {
  SumState state;
  for (double number : {1e16, 1.0, -1e16}) {
    state.update(number_value_of(number));
  }
  EXPECT_EQ(state.sum(), 1.0);
}

TEST(Uniq, IsExactWhileThereAreFew) {
  UniqState state;
  for (std::size_t i = 1; i <= UniqState::kSparseMax; ++i) {
    state.update(text_value(fmt::format("user-{}", i)));
    state.update(text_value(fmt::format("user-{}", i / 2 + 1)));
    ASSERT_EQ(state.estimate(), static_cast<double>(i));
  }
}

TEST(Uniq, IsWithinTwoPercentOfTheTruth) {
  // 98.6% of all answers by the theory; of these 300, at most 12 may be farther off.
  int farther = 0;
  double squares = 0;
  for (int round = 0; round < 300; ++round) {
    UniqState state;
    int distinct = 2000 + round * 100;
    for (int i = 0; i < distinct; ++i) {
      std::string key;
      append_le(key, round);
      append_le(key, i);
      state.add(field_hash(key));
    }
    double error = state.estimate() / distinct - 1;
    farther += std::abs(error) > 0.02 ? 1 : 0;
    squares += error * error;
    EXPECT_LT(std::abs(error), 0.04);
  }
  EXPECT_LE(farther, 12);
  EXPECT_LT(std::sqrt(squares / 300), 0.0095);
}

TEST(Quantile, WholeNumbersUpTo256AreExact) {
  for (int n = -256; n <= 256; ++n) {
    QuantileState state;
    state.add(n);
    EXPECT_EQ(state.at(0.5), n);
  }
}

TEST(Quantile, IsWithinOnePercentOfTheExactOne) {
  Stream stream(kSeed);
  for (int round = 0; round < 40; ++round) {
    QuantileState state;
    std::vector<double> numbers;
    for (std::size_t i = 0; i < 1 + stream.random()() % 3000; ++i) {
      double number = std::exp(static_cast<double>(stream.random()() % 10'000) / 700) * (round % 4 == 0 ? -1 : 1);
      numbers.push_back(number);
      state.add(number);
    }
    std::sort(numbers.begin(), numbers.end());
    for (double level : {0.0, 0.1, 0.5, 0.9, 0.95, 0.99, 1.0}) {
      double rank = level * static_cast<double>(numbers.size() - 1);
      auto lower = static_cast<std::size_t>(rank);
      double next = numbers[std::min(lower + 1, numbers.size() - 1)];
      double exact = numbers[lower] + (next - numbers[lower]) * (rank - static_cast<double>(lower));
      EXPECT_NEAR(state.at(level), exact, std::abs(exact) * 0.01) << level << " of " << numbers.size();
    }
  }
}

TEST(Top, KeepsItsBoundWhateverTheGrouping) {
  for (unsigned round = 0; round < 20; ++round) {
    Stream stream(kSeed + round);
    std::map<std::string, std::uint64_t> exact;
    std::vector<TopState> parts(1 + round % 5, fresh<TopState>());
    std::uint64_t all = 0;
    for (int i = 0; i < 20'000; ++i) {
      FieldValue value = stream.next();
      if (value.present) {
        ++exact[std::string(value.text)];
        ++all;
      }
      parts[stream.random()() % parts.size()].update(value);
    }
    for (std::size_t i = 1; i < parts.size(); ++i) {
      parts[0].combine(parts[i]);
    }
    std::uint64_t bound = all / TopState::counters_for(10);
    std::set<std::string> kept;
    for (const TopState::Counter& counter : parts[0].most_frequent(SIZE_MAX)) {
      std::uint64_t truth = exact[counter.text];
      EXPECT_GE(counter.count, truth);
      EXPECT_LE(counter.count, truth + bound);
      EXPECT_GE(truth, counter.count - counter.over);
      kept.insert(counter.text);
    }
    for (const auto& [text, count] : exact) {
      EXPECT_TRUE(count <= bound || kept.contains(text)) << text << " came " << count << " times, bound " << bound;
    }
  }
}

TEST(Top, IsExactWhileThereAreFewerValuesThanCounters) {
  std::vector<TopState> parts(3, fresh<TopState>());
  for (int i = 0; i < 1000; ++i) {
    parts[static_cast<std::size_t>(i) % 3].update(text_value(fmt::format("v{}", i % 50 < 30 ? i % 10 : i % 50)));
  }
  parts[0].combine(parts[1]);
  parts[0].combine(parts[2]);
  JsonWriter json;
  parts[0].finalize(json, 2);
  EXPECT_TRUE(json.text().starts_with("[[\"v")) << json.text();
  EXPECT_TRUE(json.text().ends_with(",60]]")) << json.text();
}

TEST(Top, LongValuesAreShownCutAndToldApart) {
  TopState state = fresh<TopState>();
  state.update(text_value(std::string(300, 'x') + "a"));
  state.update(text_value(std::string(300, 'x') + "b"));
  state.update(text_value(std::string(255, 'x') + "\xc3\xa4"));
  auto all = state.most_frequent(10);
  ASSERT_EQ(all.size(), 3U);
  for (const TopState::Counter& counter : all) {
    EXPECT_LE(counter.text.size(), TopState::kTextBytesMax);
    EXPECT_NE(counter.text.back(), '\xc3');
  }
}

// What another program computed of these events: tests/data/commits.answers.json.
class RealEvents : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    events_ = real_events();
    std::ifstream file("tests/data/commits.answers.json");
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    answers_ = Json::parse(text).value();
  }
  static void TearDownTestSuite() { events_ = {}; }
  static const Json& answer(std::string_view name) { return *answers_.find(name); }

  static std::vector<RealEvent> events_;
  static Json answers_;
};
std::vector<RealEvent> RealEvents::events_;
Json RealEvents::answers_;

TEST_F(RealEvents, CountsAndSumsAreExact) {
  std::map<std::string, CountState> by_name;
  std::map<std::string, SumState> added;
  for (const RealEvent& event : events_) {
    by_name[event.event].update({});
    if (event.event == "file_changed" && event.has_added) {
      added[event.repo].update(number_value_of(event.added));
    }
  }
  for (const auto& [name, count] : answer("events_by_name").members()) {
    EXPECT_EQ(static_cast<std::int64_t>(by_name[name].count()), *count.integer());
  }
  for (const auto& [repo, sums] : answer("file_changed_sum_added_deleted_by_repo").members()) {
    EXPECT_EQ(added[repo].sum(), sums.items()[0].number());
  }
}

TEST_F(RealEvents, UniquesAreWithinTwoPercent) {
  UniqState all;
  std::map<std::string, UniqState> by_repo;
  for (const RealEvent& event : events_) {
    all.update(text_value(event.user));
    by_repo[event.repo].update(text_value(event.user));
  }
  EXPECT_NEAR(all.estimate(), answer("unique_users").number(), answer("unique_users").number() * 0.02);
  for (const auto& [repo, users] : answer("unique_users_by_repo").members()) {
    EXPECT_NEAR(by_repo[repo].estimate(), users.number(), users.number() * 0.02);
  }
}

TEST_F(RealEvents, QuantilesAreWithinOnePercent) {
  QuantileState added;
  for (const RealEvent& event : events_) {
    if (event.event == "file_changed" && event.has_added) {
      added.add(event.added);
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(added.count()), *answer("file_changed_added_present").integer());
  for (const auto& [level, exact] : answer("file_changed_added_quantiles_linear").members()) {
    EXPECT_NEAR(added.at(std::stod(level)), exact.number(), exact.number() * 0.01) << level;
  }
}

TEST_F(RealEvents, TopValuesAreWithinTheBound) {
  TopState extensions(TopState::counters_for(10));
  TopState committers(TopState::counters_for(5));
  std::uint64_t changes = 0, commits = 0;
  for (const RealEvent& event : events_) {
    if (event.event == "file_changed") {
      extensions.update(text_value(event.extension));
      ++changes;
    } else {
      committers.update(text_value(event.user));
      ++commits;
    }
  }
  auto check = [](const TopState& state, const Json& exact, std::uint64_t bound) {
    auto found = state.most_frequent(exact.items().size());
    for (std::size_t i = 0; i < exact.items().size(); ++i) {
      const Json& row = exact.items()[i];
      auto truth = static_cast<std::uint64_t>(*row.items()[1].integer());
      auto same = [&](const TopState::Counter& counter) { return counter.text == row.items()[0].text(); };
      auto counter = std::find_if(found.begin(), found.end(), same);
      ASSERT_NE(counter, found.end()) << row.items()[0].text();
      EXPECT_GE(counter->count, truth);
      EXPECT_LE(counter->count, truth + bound);
    }
  };
  check(extensions, answer("file_changed_top10_extensions"), changes / TopState::counters_for(10));
  check(committers, answer("top5_committers"), commits / TopState::counters_for(5));
}

}  // namespace
}  // namespace millrace
