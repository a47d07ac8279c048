#include "engine/supervisor.h"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "engine/engine_for_test.h"

namespace millrace::engine {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Supervisor, StartedEngineAnswersAtItsSocket) {
  TestFolder folder;
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
  TestFolder folder;
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

TEST(Supervisor, EngineThatDiesIsStartedAgain) {
  TestFolder folder;
  RunningEngine engine(options_for_test(folder.path()));
  ASSERT_NE(engine.supervisor, nullptr);
  pid_t before = engine.supervisor->pid();
  kill(before, SIGKILL);
  // Asking for one more start is how to wait without looking again and again.
  ASSERT_TRUE(engine.supervisor->restart().ok());
  EXPECT_GE(engine.supervisor->status().starts, 2U);
  EXPECT_EQ(engine.internal().ask("SELECT 1"), "1");
}

TEST(Supervisor, FolderOpensAfterEveryOfTwentyKillsDuringInserts) {
  TestFolder folder;
  RunningEngine engine(options_for_test(folder.path()));
  ASSERT_NE(engine.supervisor, nullptr);
  Asker ask = engine.internal();
  ASSERT_EQ(ask.ask("CREATE DATABASE d ENGINE = Atomic"), "");
  ASSERT_EQ(ask.ask("CREATE TABLE d.t (round Int64, a Int64) ENGINE = MergeTree ORDER BY (round, a)"), "");
  for (int round = 0; round < 20; ++round) {
    // Block after block until it is cut off; at least one whole insert before.
    std::string number = std::to_string(round);
    ASSERT_EQ(ask.ask("INSERT INTO d.t SELECT " + number + ", number FROM numbers(1000)"), "");
    std::thread writer([&] {
      Asker other = engine.internal();
      for (int i = 0; i < 1000; ++i) {
        if (other.post("INSERT INTO d.t SELECT " + number + ", number + 1000 FROM numbers(100000)").status != 200)
          return;
      }
    });
    while (ask.ask("SELECT count() > 300000 FROM d.t WHERE round = " + number) == "0") {
    }
    ASSERT_TRUE(engine.supervisor->restart().ok()) << "round " << round;
    writer.join();
    // What was answered before the kill is there (the machine itself did not fail), and whole blocks are there or are
    // not.
    EXPECT_EQ(ask.ask("SELECT countIf(a < 1000), (count() - 1000) % 100000 FROM d.t WHERE round = " + number),
              "1000\t0");
  }
  EXPECT_EQ(engine.supervisor->status().starts, 21U);
}

TEST(Supervisor, RequestThatWaitedAtTheOldEngineNeverReachesTheNewOne) {
  TestFolder folder;
  SupervisorOptions options = options_for_test(folder.path());
  RunningEngine engine(options);
  ASSERT_NE(engine.supervisor, nullptr);
  Asker ask = engine.internal();
  ask.ask("CREATE DATABASE d ENGINE = Atomic");
  ask.ask("CREATE TABLE d.t (a Int64) ENGINE = MergeTree ORDER BY a");
  kill(engine.supervisor->pid(), SIGSTOP);
  auto client = http::Client::create("unix:" + engine.supervisor->socket_path());
  ASSERT_TRUE(client.ok());
  std::string_view body = "INSERT INTO d.t VALUES (1)";
  Headers headers = {{"X-ClickHouse-User", engine.supervisor->user()},
                     {"X-ClickHouse-Key", engine.supervisor->secret()}};
  auto sent = (*client)->send({"POST", "/", headers, {&body, 1}}, 500);
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, Code::kUnknown);
  ASSERT_TRUE(engine.supervisor->restart().ok());
  EXPECT_EQ(ask.ask("SELECT count() FROM d.t"), "0");
}

TEST(Supervisor, EngineThatCannotStartIsReportedAtOnce) {
  TestFolder folder;
  Metrics metrics;
  SupervisorOptions options = options_for_test(folder.path());
  options.libchdb = folder.path() + "/none.so";
  auto started = Supervisor::start(options, metrics);
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, Code::kUnavailable);
  EXPECT_THAT(started.error().message, HasSubstr("none.so"));
  options.program = {"/none"};
  EXPECT_THAT(Supervisor::start(options, metrics).error().message, HasSubstr("can't be executed"));
}

TEST(Supervisor, WrongOptionsAreRefused) {
  Metrics metrics;
  auto refused = [&](auto change) {
    SupervisorOptions options = options_for_test("/tmp");
    change(options);
    auto started = Supervisor::start(options, metrics);
    return started.ok() ? Code::kUnknown : started.error().code;
  };
  EXPECT_EQ(refused([](SupervisorOptions& o) { o.program = {"engine"}; }), Code::kInvalid);
  EXPECT_EQ(refused([](SupervisorOptions& o) { o.data_folder = "here"; }), Code::kInvalid);
  EXPECT_EQ(refused([](SupervisorOptions& o) { o.public_password = ""; }), Code::kInvalid);
  EXPECT_EQ(refused([](SupervisorOptions& o) { o.socket_path = "/" + std::string(107, 'x'); }), Code::kInvalid);
}

TEST(Supervisor, SecretIsNeitherInArgumentsNorInTheEnvironment) {
  TestFolder folder;
  RunningEngine engine(options_for_test(folder.path()));
  ASSERT_NE(engine.supervisor, nullptr);
  std::string proc = "/proc/" + std::to_string(engine.supervisor->pid());
  std::ifstream environment(proc + "/environ"), arguments(proc + "/cmdline");
  std::string text((std::istreambuf_iterator<char>(environment)), {}),
      command((std::istreambuf_iterator<char>(arguments)), {});
  EXPECT_EQ(text, "");
  EXPECT_THAT(command, HasSubstr("--options-fd"));
  EXPECT_THAT(command, testing::Not(HasSubstr(engine.supervisor->secret())));
  EXPECT_EQ(std::filesystem::status(engine.supervisor->socket_path()).permissions(), std::filesystem::perms(0600));
}

TEST(Supervisor, CleanStopLeavesNothingBehind) {
  TestFolder folder;
  pid_t pid = 0;
  std::string socket;
  {
    RunningEngine engine(options_for_test(folder.path()));
    ASSERT_NE(engine.supervisor, nullptr);
    engine.internal().ask("CREATE DATABASE d ENGINE = Atomic");
    pid = engine.supervisor->pid();
    socket = engine.supervisor->socket_path();
    engine.supervisor.reset();
    EXPECT_EQ(engine.metrics.get(Metric::kEngineUp), 0);
    EXPECT_GT(engine.metrics.get(Metric::kEngineResidentBytes), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_FALSE(std::filesystem::exists(socket));
  RunningEngine again(options_for_test(folder.path()));
  ASSERT_NE(again.supervisor, nullptr);
  EXPECT_EQ(again.internal().ask("EXISTS DATABASE d"), "1");
}

}  // namespace
}  // namespace millrace::engine
