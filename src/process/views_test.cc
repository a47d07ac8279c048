// Views and the processor: what is a row is in them once, whenever they were declared and whatever was restarted.
// The simulation (process_sim_test.cc) tries this in thousands of orders.

#include <gtest/gtest.h>

#include "process/process_fixture_for_test.h"
#include "views/table.h"

namespace millrace {
namespace {

class ViewsTest : public ProcessFixture {
 protected:
  ViewsTest() { new_views(); }

  static ViewSpec spec(const std::string& name) {
    ViewSpec made;
    made.name = made.json = name;
    made.by = {FieldRef{FieldRef::Kind::kBase, "event", {}, "event"}};
    made.grain = Every::kMinute;
    made.horizon = 24 * kHourNs;
    made.measures = {ViewMeasure{}};
    made.measures[0].text = "count";
    return made;
  }
  // As a new process would: the declarations are there, the states are not.
  void new_views() {
    tables_.clear();
    processor_.reset();
    views_ = std::make_unique<Views>(stream_.generation(), 1, ViewLimits{}, std::vector<DeclaredField>());
    EXPECT_TRUE(views_->declare(spec("v")).ok());
  }
  // Steps on until the views are live too.
  void run_views() {
    run();
    for (int i = 0; i < 1000 && views_->partition(kPartition).behind(); ++i) {
      step();
    }
    EXPECT_FALSE(views_->partition(kPartition).behind());
    expect_audit();
  }
  // Each view has seen each row once.
  void expect_audit() {
    EXPECT_TRUE(views_->partition(kPartition).last_audit().live);
    EXPECT_TRUE(views_->partition(kPartition).last_audit().holds);
  }
  void restart_process() {
    new_views();
    start();
    run_views();
  }
  // {"e": 3, …} as JSON columns, or "building".
  std::string shown(const std::string& name = "v") {
    // What changed is told once: a view has one table.
    ViewTable& table = tables_.try_emplace(name, *views_, views_->find(name)).first->second;
    table.refresh();
    if (!table.live()) {
      return "building";
    }
    JsonWriter json;
    json.begin_object();
    table.write(json, INT64_MIN, INT64_MAX, 0);
    Json all = Json::parse(json.end_object().take()).value();
    std::map<std::string, std::int64_t> counts;
    const auto& columns = all.find("columns")->items();
    for (std::size_t row = 0; row < columns[1].find("values")->items().size(); ++row) {
      counts[columns[1].find("values")->items()[row].text()] += *columns[2].find("values")->items()[row].integer();
    }
    std::string text;
    for (const auto& [event, count] : counts) {
      text += event + "=" + std::to_string(count) + " ";
    }
    return text;
  }
  std::map<std::string, ViewTable> tables_;
};

TEST_F(ViewsTest, RepeatsAreCountedOnce) {
  start();
  append({{"a", "1"}, {"b", "2"}, {"a", "1"}, {"a"}});
  run_views();
  EXPECT_EQ(shown(), "a=2 b=1 ");
}

TEST_F(ViewsTest, TheyShowWhatIsNotInTheStoreYet) {
  start();
  run_views();
  append({{"a"}});
  step();
  EXPECT_EQ(stored().size(), 0U);
  EXPECT_EQ(shown(), "a=1 ");
}

TEST_F(ViewsTest, TheyComeBackFromTheSnapshotAndTheLogBehindIt) {
  options_.snapshot_log_bytes = 1;
  start();
  append({{"a", "1"}, {"b", "2"}});
  run_views();
  options_.snapshot_log_bytes = 1 << 30;
  restart_process();
  append({{"a", "3"}, {"a", "1"}, {"c", "4"}});
  run_views();
  EXPECT_EQ(shown(), "a=2 b=1 c=1 ");
  restart_process();
  EXPECT_EQ(shown(), "a=2 b=1 c=1 ");
}

TEST_F(ViewsTest, AViewThatIsDeclaredLaterIsBuiltFromTheLog) {
  start();
  append({{"a", "1"}, {"b", "2"}, {"a", "1"}});
  run_views();
  append_plain(5);
  run();
  EXPECT_TRUE(views_->declare(spec("later")).ok());
  EXPECT_EQ(shown("later"), "building");
  step();
  run_views();
  for (int i = 0; i < 10; ++i) {
    step();
  }
  EXPECT_EQ(shown("later"), "a=1 b=1 e=5 ");
  append({{"a"}});
  run_views();
  EXPECT_EQ(shown("later"), "a=2 b=1 e=5 ");
  EXPECT_EQ(shown("v"), shown("later"));
}

TEST_F(ViewsTest, AViewThatWasRemovedIsGone) {
  start();
  run_views();
  EXPECT_TRUE(views_->declare(spec("more")).ok());
  EXPECT_TRUE(views_->remove("more").ok());
  EXPECT_EQ(views_->remove("more").error().code, Code::kNotFound);
  append({{"a"}});
  run_views();
  EXPECT_EQ(views_->partition(kPartition).lanes().size(), 1U);
  EXPECT_EQ(shown(), "a=1 ");
}

TEST_F(ViewsTest, EventsThatTheStoreRefusesAreInNoView) {
  start();
  append({{"a"}, {std::string(MemoryStore::kRefusedEvent)}, {"b"}});
  run_views();
  for (int i = 0; i < 10; ++i) {
    step();
  }
  EXPECT_EQ(shown(), "a=1 b=1 ");
  restart_process();
  EXPECT_EQ(shown(), "a=1 b=1 ");
}

TEST_F(ViewsTest, WhereTheLogWasCutAViewBeginsWithTheNextWholeBucket) {
  options_.snapshot_log_bytes = 1;  // the log is needed from the older of two on
  start();
  append({{"a"}}, kStart);
  run_views();
  std::uint64_t cut = append({{"b"}}, kStart + kHourNs);
  run_views();
  append({{"c"}}, kStart + 2 * kHourNs);
  run_views();
  append({{"c"}}, kStart + 2 * kHourNs);
  run_views();
  stream_.retain_from(kPartition, SequenceNumber(cut));
  EXPECT_TRUE(views_->declare(spec("later")).ok());
  for (int i = 0; i < 20; ++i) {
    step();
  }
  EXPECT_EQ(shown("later"), "c=2 ") << "the bucket of b may have had more";
  expect_audit();
  EXPECT_EQ(shown("v"), "a=1 b=1 c=2 ");
}

TEST_F(ViewsTest, ADeclarationThatChangedIsBuiltAnew) {
  options_.snapshot_log_bytes = 1;
  start();
  append({{"a"}, {"b"}});
  run_views();
  processor_.reset();
  tables_.clear();
  views_ = std::make_unique<Views>(stream_.generation(), 1, ViewLimits{}, std::vector<DeclaredField>());
  ViewSpec other = spec("v");
  other.json = "another";
  other.keys_max = 1;
  EXPECT_TRUE(views_->declare(other).ok());
  start();
  run_views();
  EXPECT_EQ(shown(), "(other)=1 a=1 ");
}

}  // namespace
}  // namespace millrace
