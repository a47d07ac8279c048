#include "store/clickhouse/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::clickhouse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A database that knows its version and breaks where it is told to.
struct FakeDatabase {
  std::string version = "0";
  std::string broken;  // statements with this text fail
  std::vector<std::string> done;

  RunStatement runner() {
    return [this](const std::string& sql) -> Result<std::string> {
      if (!broken.empty() && sql.find(broken) != std::string::npos) return unavailable("broken here");
      if (sql.find("SELECT max(version)") != std::string::npos) return version + "\n";
      if (sql.find("INSERT INTO") != std::string::npos) {
        std::size_t at = sql.find("SELECT ") + 7;
        version = sql.substr(at, sql.find(',', at) - at);
      }
      if (sql.rfind("step", 0) == 0) done.push_back(sql);
      return std::string();
    };
  }
};

const Layout kHere{"d", false, ""};
const Layout kServer{"d", true, ""};
const Layout kCluster{"d", true, "all-of-them"};
const std::vector<Migration> kSteps = {{1, "one", {"step 1a", "step 1b"}}, {2, "two", {"step 2a", "step 2b"}}};

TEST(Schema, StepsRunOnceInOrder) {
  FakeDatabase database;
  ASSERT_TRUE(migrate(database.runner(), kHere, kSteps).ok());
  EXPECT_THAT(database.done, ElementsAre("step 1a", "step 1b", "step 2a", "step 2b"));
  ASSERT_TRUE(migrate(database.runner(), kHere, kSteps).ok());
  EXPECT_EQ(database.done.size(), 4u);
  EXPECT_EQ(database.version, "2");
}

TEST(Schema, StepThatBrokeOffRunsAgain) {
  FakeDatabase database;
  database.broken = "step 2b";
  EXPECT_FALSE(migrate(database.runner(), kHere, kSteps).ok());
  EXPECT_EQ(database.version, "1");
  database.broken.clear();
  database.done.clear();
  ASSERT_TRUE(migrate(database.runner(), kHere, kSteps).ok());
  EXPECT_THAT(database.done, ElementsAre("step 2a", "step 2b"));
}

TEST(Schema, NewerDatabaseIsRefused) {
  FakeDatabase database;
  database.version = "3";
  auto refused = migrate(database.runner(), kHere, kSteps);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("schema version 3"));
  EXPECT_TRUE(database.done.empty());
}

TEST(Schema, ServersTablesSyncForThemselves) {
  EXPECT_THAT(migrations(kServer)[0].statements, testing::Each(HasSubstr("fsync_after_insert = 1")));
  EXPECT_THAT(migrations(kHere)[0].statements[0], testing::Not(HasSubstr("fsync_after_insert")));
}

TEST(Schema, VersionsCountUpFromOneAndAreTheSameInACluster) {
  int version = 0;
  for (const Migration& step : migrations(kHere)) EXPECT_EQ(step.version, ++version);
  EXPECT_GE(version, 2);
  EXPECT_EQ(migrations(kCluster).back().version, version);
}

TEST(Schema, ClustersTablesAreCopiedWithinAShardAndAskedOverAll) {
  std::vector<std::string> made = migrations(kCluster)[0].statements;
  ASSERT_EQ(made.size(), 4u);
  EXPECT_THAT(made, testing::Each(HasSubstr(" ON CLUSTER `all-of-them`")));
  EXPECT_THAT(made[0], HasSubstr("`d`.events_local"));
  EXPECT_THAT(made[0], HasSubstr("ReplicatedMergeTree('/clickhouse/tables/{shard}/d/events', '{replica}')"));
  EXPECT_THAT(made[2], HasSubstr("`d`.events ON CLUSTER `all-of-them` AS `d`.events_local ENGINE = "
                                 "Distributed('all-of-them', 'd', 'events_local')"));
  EXPECT_THAT(migrations(kCluster)[3].statements[0],
              HasSubstr("ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/d/state', '{replica}', version)"));
}

// A row that the store has lost is written again as it was: an equal block isn't a repeat.
TEST(Schema, NoTableOfAClusterForgetsEqualBlocks) {
  for (const Migration& step : migrations(kCluster)) {
    for (const std::string& statement : step.statements) {
      if (statement.find("ENGINE = Replicated") == std::string::npos) continue;
      EXPECT_THAT(statement, HasSubstr("replicated_deduplication_window = 0"));
    }
  }
}

TEST(Schema, ClusterThatIsRightIsOnlyAsked) {
  std::vector<std::string> said;
  auto run = [&](const std::string& sql) -> Result<std::string> {
    said.push_back(sql);
    if (sql.find("system.tables") != std::string::npos) return std::string("1\n");
    if (sql.find("max(version)") != std::string::npos) return std::string("2\n");
    if (sql.find("system.columns") != std::string::npos) return std::string("Nullable(Int64)\n");
    return std::string("shards 3\n");
  };
  ASSERT_TRUE(migrate(run, kCluster, kSteps).ok());
  ASSERT_TRUE(check_shards(run, kCluster, 3).ok());
  ASSERT_TRUE(declare(run, kCluster, {{"n", DeclaredProperty::Type::kInteger}}).ok());
  EXPECT_THAT(said, testing::Each(testing::StartsWith("SELECT ")));
}

TEST(Schema, NumberOfShardsIsNotedAndStays) {
  std::string noted;
  auto run = [&](const std::string& sql) -> Result<std::string> {
    if (sql.find("INSERT INTO `d`.schema_version") != std::string::npos) noted = "shards 2\n";
    return noted;
  };
  ASSERT_TRUE(check_shards(run, kCluster, 2).ok());
  EXPECT_EQ(noted, "shards 2\n");
  EXPECT_TRUE(check_shards(run, kCluster, 2).ok());
  auto other = check_shards(run, kCluster, 3);
  EXPECT_EQ(other.error().code, Code::kInvalid);
  EXPECT_THAT(other.error().message, HasSubstr("another number of shards"));
}

TEST(Schema, ColumnComesToTheShardsFirst) {
  std::vector<std::string> altered;
  auto run = [&](const std::string& sql) -> Result<std::string> {
    if (sql.find("ALTER") == 0) altered.push_back(sql);
    return std::string(altered.size() == 2 ? "Nullable(Int64)\n" : "");
  };
  ASSERT_TRUE(declare(run, kCluster, {{"n", DeclaredProperty::Type::kInteger}}).ok());
  EXPECT_THAT(altered,
              ElementsAre(testing::StartsWith("ALTER TABLE `d`.events_local ON CLUSTER `all-of-them` ADD COLUMN"),
                          testing::StartsWith("ALTER TABLE `d`.events ON CLUSTER `all-of-them` ADD COLUMN")));
}

}  // namespace
}  // namespace millrace::clickhouse
