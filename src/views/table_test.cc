#include "views/table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/time_format.h"
#include "model/index_for_test.h"

namespace millrace {
namespace {

constexpr TimeNs kFirstSecond = 1'700'000'000 * kSecond;

ViewSpec counts_by_event() {
  ViewSpec spec;
  spec.name = spec.json = "v";
  spec.by = {{FieldRef::Kind::kBase, "event", {}, "event"}};
  spec.horizon = 3600 * kSecond;
  spec.measures = {ViewMeasure{}};
  spec.measures[0].text = "count";
  return spec;
}

class TableTest : public testing::Test {
 protected:
  TableTest() {
    EXPECT_TRUE(views_.declare(counts_by_event()).ok());
    for (std::uint16_t i = 0; i < 2; ++i) {
      views_.partition(PartitionId(i)).begin({}, SequenceNumber(0), Epoch(1));
      views_.partition(PartitionId(i)).go_live(SequenceNumber(0));
    }
  }
  void fold(std::uint16_t partition, const std::string& name) {
    EventView event;
    event.event = name;
    event.time = event.received = kFirstSecond;
    event.properties = "{}";
    std::string index = index_of("{}");
    event.property_index = index;
    PartitionViews& into = views_.partition(PartitionId(partition));
    std::lock_guard lock(into.lock());
    into.begin_record(SequenceNumber(0), kFirstSecond, true);
    into.fold(event, SequenceNumber(0));
    into.end_record(SequenceNumber(1));
  }
  // "a=2 b=1", by name.
  std::string shown(ViewTable& table) {
    table.refresh();
    JsonWriter json;
    json.begin_object();
    table.write(json, INT64_MIN, INT64_MAX, 0);
    Json all = Json::parse(json.end_object().take()).value();
    const auto& columns = all.find("columns")->items();
    std::vector<std::string> rows;
    for (std::size_t i = 0; i < columns[1].find("values")->items().size(); ++i) {
      rows.push_back(fmt::format("{}={}", columns[1].find("values")->items()[i].text(),
                                 *columns[2].find("values")->items()[i].integer()));
    }
    std::sort(rows.begin(), rows.end());
    return fmt::format("{}", fmt::join(rows, " "));
  }
  Views views_{Generation(1), 2, ViewLimits{}, {}};
};

TEST_F(TableTest, RowsOfAllPartitionsAreJoined) {
  ViewTable table(views_, views_.find("v"));
  fold(0, "a");
  fold(1, "a");
  fold(1, "b");
  EXPECT_EQ(shown(table), "a=2 b=1");
  fold(0, "b");
  EXPECT_EQ(shown(table), "a=2 b=2");
}

TEST_F(TableTest, APartitionThatBeginsAnewLeavesTheRowsOfTheOthers) {
  ViewTable table(views_, views_.find("v"));
  fold(0, "a");
  fold(1, "b");
  EXPECT_EQ(shown(table), "a=1 b=1");
  PartitionViews& partition = views_.partition(PartitionId(0));
  partition.restart();
  EXPECT_EQ(shown(table), "a=1 b=1");  // until it is live again
  partition.go_live(SequenceNumber(0));
  fold(0, "c");
  EXPECT_EQ(shown(table), "b=1 c=1");
}

// Of the project default, which the view before was of.
TEST(ViewIdentityTest, AViewOfAnotherProjectIsAnotherView) {
  ViewSpec ours = counts_by_event();
  ours.project = "default";
  ViewSpec theirs = counts_by_event();
  theirs.project = "other";
  EXPECT_EQ(view_id(ours), view_id(counts_by_event())) << "as it was told and kept before there were others";
  EXPECT_NE(view_id(ours), view_id(theirs));
  Views before(Generation(1), 1, ViewLimits{}, {});
  ASSERT_TRUE(before.declare(ours).ok());
  EXPECT_EQ(*before.declare(ours), Views::Declared::kSame);
  EXPECT_EQ(before.declare(theirs).error().code, Code::kNotFound);
  PartitionViews& had = before.partition(PartitionId(0));
  had.begin({}, SequenceNumber(0), Epoch(1));
  had.skip(SequenceNumber(0), SequenceNumber(5), 3, false);
  had.go_live(SequenceNumber(5));
  std::string snapshot = had.encode();
  for (const ViewSpec& spec : {ours, theirs}) {
    Views after(Generation(1), 1, ViewLimits{}, {});
    ASSERT_TRUE(after.declare(spec).ok());
    PartitionViews& has = after.partition(PartitionId(0));
    has.begin(snapshot, SequenceNumber(5), Epoch(2));
    EXPECT_EQ(has.lanes()[0].missing, spec.project == "default" ? 3U : 0U) << spec.project;
  }
}

}  // namespace
}  // namespace millrace
