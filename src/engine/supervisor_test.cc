#include "engine/supervisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "engine/engine_for_test.h"

namespace millrace::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Supervisor, StartedEngineAnswersAtItsSocket) {
  TempFolder folder;
  RunningEngine engine(options_for_test(folder.path()));
  ASSERT_NE(engine.supervisor, nullptr);
  Asker ask = engine.internal();
  EXPECT_EQ(ask.ask("SELECT 1 + 1"), "2");
  EXPECT_EQ(ask.ask("CREATE DATABASE millrace ENGINE = Atomic"), "");
  EXPECT_EQ(ask.ask("CREATE TABLE millrace.t (a Int32, s String) ENGINE = MergeTree ORDER BY a"), "");
  EXPECT_EQ(ask.ask("INSERT INTO millrace.t FORMAT JSONEachRow\n{\"a\":1,\"s\":\"x;y\"}\n{\"a\":2}"), "");
  EXPECT_EQ(ask.ask("SELECT a, s FROM millrace.t ORDER BY a"), "1\tx;y\n2\t");
  EXPECT_TRUE(engine.supervisor->flush().ok());
  EXPECT_EQ(engine.metrics.get(Metric::kEngineUp), 1);
  EXPECT_EQ(engine.metrics.get(Metric::kEngineStarts), 1);
}

TEST(Supervisor, RestartGivesANewProcessWithTheSameTables) {
  TempFolder folder;
  RunningEngine engine(options_for_test(folder.path()));
  ASSERT_NE(engine.supervisor, nullptr);
  Asker ask = engine.internal();
  ask.ask("CREATE DATABASE d ENGINE = Atomic");
  ask.ask("CREATE TABLE d.t (a Int32) ENGINE = MergeTree ORDER BY a");
  ask.ask("INSERT INTO d.t VALUES (7)");
  pid_t before = engine.supervisor->pid();
  ASSERT_TRUE(engine.supervisor->restart().ok());
  EXPECT_NE(engine.supervisor->pid(), before);
  EXPECT_EQ(kill(before, 0), -1);
  EXPECT_EQ(ask.ask("SELECT a FROM d.t"), "7");
  EXPECT_EQ(engine.supervisor->status().starts, 2U);
  EXPECT_THAT(engine.supervisor->status().last_exit, StartsWith("signal 9"));
}

}  // namespace
}  // namespace millrace::engine
