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

const std::vector<Migration> kSteps = {{1, "one", {"step 1a", "step 1b"}}, {2, "two", {"step 2a", "step 2b"}}};

TEST(Schema, StepsRunOnceInOrder) {
  FakeDatabase database;
  ASSERT_TRUE(migrate(database.runner(), "d", kSteps).ok());
  EXPECT_THAT(database.done, ElementsAre("step 1a", "step 1b", "step 2a", "step 2b"));
  ASSERT_TRUE(migrate(database.runner(), "d", kSteps).ok());
  EXPECT_EQ(database.done.size(), 4u);
  EXPECT_EQ(database.version, "2");
}

TEST(Schema, StepThatBrokeOffRunsAgain) {
  FakeDatabase database;
  database.broken = "step 2b";
  EXPECT_FALSE(migrate(database.runner(), "d", kSteps).ok());
  EXPECT_EQ(database.version, "1");
  database.broken.clear();
  database.done.clear();
  ASSERT_TRUE(migrate(database.runner(), "d", kSteps).ok());
  EXPECT_THAT(database.done, ElementsAre("step 2a", "step 2b"));
}

TEST(Schema, NewerDatabaseIsRefused) {
  FakeDatabase database;
  database.version = "3";
  auto refused = migrate(database.runner(), "d", kSteps);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("schema version 3"));
  EXPECT_TRUE(database.done.empty());
}

TEST(Schema, ServersTablesSyncForThemselves) {
  EXPECT_THAT(migrations("d", true)[0].statements, testing::Each(HasSubstr("fsync_after_insert = 1")));
  EXPECT_THAT(migrations("d", false)[0].statements[0], testing::Not(HasSubstr("fsync_after_insert")));
}

TEST(Schema, VersionsCountUpFromOne) {
  int version = 0;
  for (const Migration& step : migrations("d", false)) EXPECT_EQ(step.version, ++version);
  EXPECT_GE(version, 2);
}

}  // namespace
}  // namespace millrace::clickhouse
