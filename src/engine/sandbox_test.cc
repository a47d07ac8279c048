// Tries to get out of the engine by SQL, twice: in a process that isn't locked in, where the way out must be open (else
// the test shows nothing), and in one that is. Neither has grants or a gate: what refuses here is the sandbox alone.

#include "engine/sandbox/sandbox.h"

#include <cstdlib>
#include <fstream>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "engine/child_process.h"
#include "engine/config_files.h"
#include "engine/engine_for_test.h"

namespace millrace::engine {
namespace {

using testing::AnyOf;
using testing::Each;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Attempts {
  std::string folder;  // with db/ in it
  bool sandboxed = false;
  std::vector<std::string> arguments;
  std::vector<std::string> statements;
};

// Runs tests/engine_child/attempt.cc.
std::vector<std::string> answers_to(const Attempts& attempts) {
  mkdir((attempts.folder + "/db").c_str(), 0700);
  std::string questions = attempts.folder + "/questions", answers_path = attempts.folder + "/answers";
  {
    std::ofstream file(questions);
    for (const std::string& sql : attempts.statements) {
      std::string line;
      append_json_string(line, sql);
      file << line << "\n";
    }
  }
  std::string command = "'" ENGINE_ATTEMPT "' '" + attempts.folder + "' " + (attempts.sandboxed ? "sandbox" : "open") +
                        " '" + libchdb_for_test() + "' --http_max_tries=1";
  for (const std::string& argument : attempts.arguments) command += " '" + argument + "'";
  command += " < '" + questions + "' > '" + answers_path + "' 2> /dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0) << "the engine's process ended early";
  std::vector<std::string> answers;
  std::ifstream file(answers_path);
  for (std::string line; std::getline(file, line);) answers.push_back(Json::parse(line)->text());
  EXPECT_EQ(answers.size(), attempts.statements.size());
  answers.resize(attempts.statements.size());
  return answers;
}

std::vector<std::string> answers_to(bool sandboxed, const TestFolder& folder, std::vector<std::string> statements) {
  return answers_to({folder.path(), sandboxed, {}, std::move(statements)});
}

constexpr const char* kNoPermission = "ermission denied";

TEST(Sandbox, FilesOutsideTheDataFolderCannotBeRead) {
  TestFolder folder, outside;
  std::ofstream(outside.path() + "/secret") << "hush";
  std::string parent = "/proc/" + std::to_string(getpid());
  std::vector<std::string> statements;
  for (const std::string& path :
       {std::string("/etc/passwd"), outside.path() + "/secret", parent + "/environ", parent + "/cmdline",
        std::string("/proc/self/environ"), std::string("/proc/self/maps"), std::string("/proc/self/cmdline")}) {
    statements.push_back("SELECT file('" + path + "')");
    statements.push_back("SELECT count() FROM file('" + path + "', 'LineAsString')");
  }
  for (const std::string& answer : answers_to(false, folder, statements)) EXPECT_THAT(answer, StartsWith("OK "));
  for (const std::string& answer : answers_to(true, folder, statements)) {
    EXPECT_THAT(answer, AnyOf(HasSubstr(kNoPermission), HasSubstr("doesn't exist"), HasSubstr("CANNOT_OPEN_FILE"),
                              HasSubstr("FILE_DOESNT_EXIST"), HasSubstr("CANNOT_STAT")));
    EXPECT_THAT(answer, Not(HasSubstr("hush")));
  }
}

TEST(Sandbox, FilesOutsideTheDataFolderCannotBeWritten) {
  TestFolder folder;
  for (bool sandboxed : {false, true}) {
    TestFolder outside;
    std::vector<std::string> statements = {
        "SELECT 1 INTO OUTFILE '" + outside.path() + "/outfile.csv'",
        "INSERT INTO FUNCTION file('" + outside.path() + "/function.csv', 'CSV', 'a Int64') VALUES (1)",
        "CREATE DATABASE IF NOT EXISTS d ENGINE = Atomic",
        "CREATE OR REPLACE TABLE d.f (a Int64) ENGINE = File(CSV, '" + outside.path() + "/engine.csv')",
        "INSERT INTO d.f VALUES (1)",
    };
    std::vector<std::string> answers = answers_to(sandboxed, folder, statements);
    bool any = !std::filesystem::is_empty(outside.path());
    EXPECT_EQ(any, !sandboxed);
    EXPECT_EQ(std::filesystem::exists(outside.path() + "/outfile.csv"), !sandboxed) << answers[0];
    EXPECT_EQ(std::filesystem::exists(outside.path() + "/function.csv"), !sandboxed) << answers[1];
    EXPECT_EQ(std::filesystem::exists(outside.path() + "/engine.csv"), !sandboxed) << answers[4];
  }
}

// True when somebody has connected.
bool was_visited(int listener) {
  pollfd event{listener, POLLIN, 0};
  if (poll(&event, 1, 0) != 1) return false;
  while (poll(&event, 1, 0) == 1) close(accept(listener, nullptr, nullptr));
  return true;
}

TEST(Sandbox, NoConnectionLeavesTheEngine) {
  TestFolder folder;
  auto listener = listen_tcp("127.0.0.1:0");
  ASSERT_TRUE(listener.ok());
  std::string address = address_of(listener->get()).value();
  const std::string statements[] = {
      "SELECT * FROM url('http://" + address +
          "/', 'CSV', 'a Int64') SETTINGS http_receive_timeout = 1, http_connection_timeout = 1",
      "SELECT * FROM remote('" + address +
          "', system, one) SETTINGS connect_timeout_with_failover_ms = 500, receive_timeout = 1, handshake_timeout_ms "
          "= 500",
      "SELECT * FROM mysql('" + address +
          "', 'b', 'c', 'd', 'e') SETTINGS external_storage_connect_timeout_sec = 1, external_storage_rw_timeout_sec = "
          "1",
  };
  for (const std::string& sql : statements) {
    answers_to(false, folder, {sql});
    EXPECT_TRUE(was_visited(listener->get())) << sql;
    std::string answer = answers_to(true, folder, {sql})[0];
    EXPECT_FALSE(was_visited(listener->get())) << sql;
    EXPECT_THAT(answer, StartsWith("Code: ")) << sql;
  }
}

TEST(Sandbox, NoProgramIsRun) {
  TestFolder folder;
  std::filesystem::create_directories(folder.path() + "/db/user_scripts");
  std::string script = folder.path() + "/db/user_scripts/hello.sh";
  std::ofstream(script) << "#!/bin/sh\necho ran\n";
  chmod(script.c_str(), 0755);
  std::vector<std::string> statements = {"SELECT * FROM executable('hello.sh', 'TSV', 'a String')"};
  EXPECT_EQ(answers_to(false, folder, statements)[0], "OK ran\n");
  EXPECT_THAT(answers_to(true, folder, statements)[0],
              AnyOf(HasSubstr("CANNOT_FORK"), HasSubstr("Operation not permitted")));
}

TEST(Sandbox, SystemCallsThatReachOutAreRefusedAndThreadsAreNot) {
  TestFolder folder;
  pid_t pid = fork();
  if (pid == 0) {
    if (!enter_sandbox({{folder.path()}, {}})) _exit(1);
    if (socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM) _exit(2);
    if (socket(AF_UNIX, SOCK_STREAM, 0) != -1 || errno != EPERM) _exit(3);
    if (fork() != -1 || errno != EPERM) _exit(4);
    char* const nothing[] = {nullptr};
    if (execve("/bin/true", nothing, nothing) != -1 || errno != EPERM) _exit(5);
    if (kill(getppid(), 0) != -1 || errno != EPERM) _exit(6);
    if (kill(getpid(), 0) != 0) _exit(7);
    if (open("/etc/passwd", O_RDONLY) != -1 || errno != EACCES) _exit(8);
    if (open((folder.path() + "/own").c_str(), O_CREAT | O_RDWR, 0600) < 0) _exit(9);
    bool ran = false;
    std::thread([&] { ran = socket(AF_INET, SOCK_STREAM, 0) == -1 && open("/etc/passwd", O_RDONLY) == -1; }).join();
    _exit(ran ? 0 : 10);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Sandbox, InheritanceIsShed) {
  TestFolder folder;
  int kept = open("/dev/null", O_RDONLY), left = open("/dev/null", O_RDONLY);
  setenv("ENGINE_TEST_SECRET", "hush", 1);
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    if (!shed_inheritance(parent, {kept}, folder.path())) _exit(1);
    if (fcntl(kept, F_GETFD) == -1) _exit(2);
    if (fcntl(left, F_GETFD) != -1) _exit(3);
    if (getenv("ENGINE_TEST_SECRET") != nullptr) _exit(4);
    if (std::filesystem::current_path() != std::filesystem::canonical(folder.path())) _exit(5);
    if (shed_inheritance(parent + 1, {}, folder.path()).ok()) _exit(6);
    _exit(0);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  close(kept);
  close(left);
}

// The roles of the configuration, without the gate before them: what a public session may do by the engine's own rules.
TEST(Roles, PublicRoleCannotWriteToMillraceNorReachOut) {
  TestFolder folder;
  std::filesystem::create_directories(folder.path() + "/db");
  EngineBudget budget{1ULL << 30, 2};
  std::ofstream(folder.path() + "/users.xml") << users_config(budget);
  std::ofstream(folder.path() + "/config.xml") << server_config(budget, folder.path() + "/users.xml");
  std::vector<std::string> allowed = {"CREATE DATABASE millrace ENGINE = Atomic",
                                      "CREATE TABLE millrace.events (a Int64) ENGINE = MergeTree ORDER BY a",
                                      "INSERT INTO millrace.events VALUES (1)",
                                      "SET ROLE public",
                                      "SELECT * FROM millrace.events",
                                      "CREATE DATABASE own ENGINE = Atomic",
                                      "CREATE TABLE own.t (a Int64) ENGINE = MergeTree ORDER BY a",
                                      "INSERT INTO own.t VALUES (1)"};
  std::vector<std::string> refused = {"INSERT INTO millrace.events VALUES (2)",
                                      "DROP TABLE millrace.events",
                                      "TRUNCATE TABLE millrace.events",
                                      "ALTER TABLE millrace.events DELETE WHERE 1",
                                      "ALTER TABLE own.t MOVE PARTITION tuple() TO TABLE millrace.events",
                                      "RENAME TABLE own.t TO millrace.t",
                                      "EXCHANGE TABLES own.t AND millrace.events",
                                      "CREATE MATERIALIZED VIEW own.v TO millrace.events AS SELECT a FROM own.t",
                                      "CREATE FUNCTION f AS x -> x",
                                      "SELECT * FROM file('/etc/passwd', 'LineAsString')",
                                      "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a Int64')",
                                      "SELECT * FROM remote('127.0.0.1', millrace, events)",
                                      "SYSTEM STOP MERGES millrace.events",
                                      "GRANT internal TO default",
                                      "CREATE USER u",
                                      "CREATE TABLE own.f (a Int64) ENGINE = File(CSV)"};
  std::vector<std::string> all = allowed;
  all.insert(all.end(), refused.begin(), refused.end());
  std::vector<std::string> answers =
      answers_to({folder.path(), false, {"--config-file=" + folder.path() + "/config.xml"}, all});
  for (std::size_t i = 0; i < allowed.size(); ++i) EXPECT_THAT(answers[i], StartsWith("OK")) << all[i];
  for (std::size_t i = allowed.size(); i < all.size(); ++i) EXPECT_THAT(answers[i], StartsWith("Code: 497.")) << all[i];
}

}  // namespace
}  // namespace millrace::engine
