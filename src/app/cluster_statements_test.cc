// What is said to a ClickHouse cluster, read by the real engine.
#include <gtest/gtest.h>

#include "engine/engine_for_test.h"
#include "store/clickhouse/kept_property.h"
#include "store/clickhouse/schema.h"
#include "store/clickhouse/sql_text.h"

namespace millrace {
namespace {

// No replicated table can be made here: that these are statements, and which, is all that can be shown.
TEST(ClusterStatements, AreReadByTheEngine) {
  TestFolder folder;
  engine::RunningEngine engine(engine::options_for_test(folder.path()));
  ASSERT_NE(engine.supervisor, nullptr);
  clickhouse::Layout layout{"stats", true, "all-of-them"};
  std::vector<std::string> all = {clickhouse::stop_filling(layout)};
  for (const clickhouse::Migration& step : clickhouse::migrations(layout)) {
    all.insert(all.end(), step.statements.begin(), step.statements.end());
  }
  auto run = [&](const std::string& sql) -> Result<std::string> {
    all.push_back(sql);
    return std::string(sql.find("system.parts") != std::string::npos ? "1\n"
                       : sql.find("count()") != std::string::npos    ? "0\n"
                                                                     : "");
  };
  ASSERT_TRUE(clickhouse::migrate(run, layout, {{1, "none", {}}}).ok());
  ASSERT_TRUE(clickhouse::check_shards(run, layout, 2).ok());
  auto property = clickhouse::kept_of_column("n_price", "Nullable(Float64)");
  ASSERT_TRUE(property.has_value());
  ASSERT_TRUE(clickhouse::keep(run, layout, *property).ok());
  ASSERT_TRUE(clickhouse::fill_kept(run, layout, *property).ok());
  for (const char* table : {"owners", "state", "events"}) {
    all.push_back("SYSTEM SYNC REPLICA " + layout.local(table) + " LIGHTWEIGHT");
  }
  EXPECT_GT(all.size(), 18u);
  for (const std::string& sql : all) {
    std::string read =
        engine.internal().ask("SELECT formatQueryOrNull(" + clickhouse::quote_string(sql) + ") IS NOT NULL");
    EXPECT_EQ(read, "1") << sql;
  }
}

}  // namespace
}  // namespace millrace
