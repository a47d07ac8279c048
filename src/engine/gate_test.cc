// What the public port may do to tables that aren't its own, against the real engine.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine_for_test.h"

namespace millrace::engine {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

class Gate : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TestFolder;
    engine_ = new RunningEngine(options_for_test(folder_->path()));
    ASSERT_NE(engine_->supervisor, nullptr);
    Asker internal = engine_->internal();
    for (const char* sql : {"CREATE DATABASE millrace ENGINE = Atomic", "CREATE DATABASE own ENGINE = Atomic",
                            "CREATE TABLE millrace.events (a Int64, s String) ENGINE = MergeTree ORDER BY a",
                            "INSERT INTO millrace.events VALUES (1, 'one')",
                            "CREATE TABLE own.t (a Int64, s String) ENGINE = MergeTree ORDER BY a",
                            "INSERT INTO own.t VALUES (10, 'ten')"}) {
      ASSERT_EQ(internal.ask(sql), "") << sql;
    }
  }
  static void TearDownTestSuite() {
    delete engine_;
    delete folder_;
  }
  static TestFolder* folder_;
  static RunningEngine* engine_;
  Asker open_ = engine_->open();
  Asker internal_ = engine_->internal();
};
TestFolder* Gate::folder_ = nullptr;
RunningEngine* Gate::engine_ = nullptr;

TEST_F(Gate, ReadingIsAllowedEverywhere) {
  EXPECT_EQ(open_.ask("SELECT a, s FROM millrace.events"), "1\tone");
  EXPECT_EQ(open_.ask("SHOW TABLES FROM millrace"), "events");
  EXPECT_THAT(open_.ask("EXPLAIN SELECT 1"), HasSubstr("Output"));
  EXPECT_THAT(open_.ask("DESCRIBE TABLE millrace.events"), StartsWith("a\tInt64"));
  EXPECT_EQ(open_.ask("SELECT count() > 0 FROM system.tables"), "1");
}

TEST_F(Gate, DatabasesOfOnesOwnMayBeMadeFilledChangedAndDropped) {
  for (const char* sql :
       {"CREATE DATABASE mine", "CREATE TABLE mine.t (a Int64, s String) ENGINE = ReplacingMergeTree ORDER BY a",
        "INSERT INTO mine.t SELECT a, s FROM millrace.events", "INSERT INTO mine.t VALUES (2, 'two')",
        "ALTER TABLE mine.t ADD COLUMN c Int64 DEFAULT 5", "CREATE VIEW mine.v AS SELECT * FROM millrace.events",
        "CREATE TABLE mine.copy ENGINE = Memory AS SELECT * FROM mine.t", "RENAME TABLE mine.copy TO mine.other",
        "INSERT INTO mine.t (a, s) SELECT 5 AS query, 'f' AS engine FROM millrace.events",
        "DELETE FROM mine.t WHERE a = 5",
        "CREATE MATERIALIZED VIEW mine.mv ENGINE = MergeTree ORDER BY a AS SELECT a FROM mine.t",
        "OPTIMIZE TABLE mine.t FINAL", "DELETE FROM mine.t WHERE a = 2", "TRUNCATE TABLE mine.other"}) {
    EXPECT_EQ(open_.ask(sql), "") << sql;
  }
  EXPECT_EQ(open_.ask("SELECT a, c FROM mine.t"), "1\t5");
  EXPECT_EQ(open_.ask("SELECT a FROM mine.v"), "1");
  EXPECT_EQ(open_.ask("DROP DATABASE mine"), "");
}

// Each of these would change what isn't its own, or reach out of the engine.
TEST_F(Gate, NothingElseIsChangedThroughThePublicPort) {
  const char* const kAttempts[] = {
      "INSERT INTO millrace.events VALUES (2, 'two')",
      "INSERT INTO millrace.events SELECT 2, 'two'",
      "INSERT INTO millrace.events SELECT 2, 'two' SETTINGS readonly = 0",
      "INSERT INTO `millrace` . \"events\" FORMAT CSV 2,two",
      "insert/**/into/**/millrace/**/./**/events/**/values (2, 'two')",
      "WITH 2 AS x INSERT INTO millrace.events SELECT x, 'two'",
      "WITH 2 AS x INSERT INTO millrace.events VALUES (2, 'two')",
      "INSERT INTO TABLE millrace.events VALUES (2, 'two')",
      "INSERT INTO FUNCTION remote('127.0.0.1', millrace, events) VALUES (2, 'two')",
      "INSERT INTO FUNCTION file('x.csv', 'CSV', 'a Int64') VALUES (2)",
      "INSERT INTO TABLE FUNCTION url('http://127.0.0.1:1/', 'CSV', 'a Int64') VALUES (2)",
      "SELECT 1; DROP TABLE millrace.events",
      "SELECT 1; DROP TABLE millrace.events; garbage (",
      "SELECT 1;\n-- nothing\n;INSERT INTO millrace.events VALUES (2, 'two')",
      "SELECT 1 PARALLEL WITH DROP TABLE millrace.events",
      "DROP TABLE own.t PARALLEL WITH DROP TABLE millrace.events",
      "DROP TABLE millrace.events",
      "DROP TABLE own.t, millrace.events",
      "DROP DATABASE millrace",
      "DROP DATABASE system",
      "DETACH TABLE millrace.events",
      "DETACH DATABASE millrace",
      "ATTACH TABLE millrace.x (a Int64) ENGINE = Memory",
      "TRUNCATE TABLE millrace.events",
      "TRUNCATE DATABASE millrace",
      "TRUNCATE ALL TABLES FROM millrace",
      "OPTIMIZE TABLE millrace.events FINAL",
      "DELETE FROM millrace.events WHERE 1",
      "UPDATE millrace.events SET s = 'x' WHERE 1",
      "ALTER TABLE millrace.events DELETE WHERE 1",
      "ALTER TABLE millrace.events UPDATE s = 'x' WHERE 1",
      "ALTER TABLE millrace.events ADD COLUMN x Int64",
      "ALTER TABLE millrace.events MODIFY TTL now() + toIntervalSecond(1)",
      "ALTER TABLE millrace.events MODIFY SETTING old_parts_lifetime = 1",
      "ALTER TABLE millrace.events DROP PARTITION tuple()",
      "ALTER TABLE millrace.events ATTACH PARTITION tuple() FROM own.t",
      "ALTER TABLE millrace.events REPLACE PARTITION tuple() FROM own.t",
      "ALTER TABLE own.t MOVE PARTITION tuple() TO TABLE millrace.events",
      "ALTER TABLE own.t FREEZE",
      "ALTER TABLE own.t FETCH PARTITION tuple() FROM '/x'",
      "RENAME TABLE own.t TO millrace.u",
      "RENAME TABLE millrace.events TO own.u",
      "RENAME DATABASE millrace TO own2",
      "EXCHANGE TABLES own.t AND millrace.events",
      "CREATE TABLE millrace.x (a Int64) ENGINE = Memory",
      "CREATE OR REPLACE TABLE millrace.events (a Int64) ENGINE = Memory",
      "REPLACE TABLE millrace.events (a Int64) ENGINE = Memory",
      "CREATE VIEW millrace.v AS SELECT 1",
      "CREATE TABLE system.x (a Int64) ENGINE = Memory",
      "CREATE TABLE unqualified (a Int64) ENGINE = Memory",
      "CREATE MATERIALIZED VIEW own.mv TO millrace.events AS SELECT a, s FROM own.t",
      "CREATE MATERIALIZED VIEW own.mv TO millrace.events SQL SECURITY NONE AS SELECT a, s FROM own.t",
      "CREATE MATERIALIZED VIEW own.mv TO millrace.events DEFINER = default SQL SECURITY DEFINER AS SELECT a, s FROM "
      "own.t",
      "CREATE MATERIALIZED VIEW own.mv REFRESH EVERY 1 SECOND TO millrace.events AS SELECT 2 AS a, 'x' AS s",
      "CREATE MATERIALIZED VIEW own.mv REFRESH EVERY 1 SECOND APPEND TO millrace.events AS SELECT 2 AS a, 'x' AS s",
      "CREATE WINDOW VIEW own.wv TO millrace.events AS SELECT count() FROM own.t GROUP BY tumble(now(), "
      "toIntervalSecond(1))",
      "CREATE MATERIALIZED VIEW own.mv ENGINE = Memory AS SELECT a FROM millrace.events",
      "CREATE MATERIALIZED VIEW own.mv ENGINE = Memory AS SELECT a FROM `mill\\x72ace`.events",
      "CREATE MATERIALIZED VIEW own.mv ENGINE = Memory AS SELECT a FROM \xe2\x80\x9cmillrace\xe2\x80\x9d.events",
      "CREATE MATERIALIZED VIEW own.mv ENGINE = Memory AS SELECT a FROM {db:Identifier}.events",
      "CREATE\xc2\xa0MATERIALIZED\xc2\xa0VIEW own.mv ENGINE = Memory AS SELECT a FROM millrace.events",
      "CREATE TABLE own.b (a String) ENGINE\xc2\xa0= Executable('x.sh', 'TSV')",
      "ALTER TABLE own.mv MODIFY QUERY SELECT a FROM millrace.events",
      "CREATE TABLE own.b AS own.t ENGINE = Buffer(millrace, events, 1, 1, 1, 1, 1, 1, 1)",
      "CREATE TABLE own.b AS own.t ENGINE/**/Buffer(millrace, events, 1, 1, 1, 1, 1, 1, 1)",
      "CREATE TABLE own.b AS own.t ENGINE = Distributed('default', millrace, events)",
      "CREATE TABLE own.b AS own.t ENGINE = Merge(millrace, '.*')",
      "CREATE TABLE own.b (a String) ENGINE = File(CSV)",
      "CREATE TABLE own.b (a String) ENGINE = File(CSV, '/etc/passwd')",
      "CREATE TABLE own.b (a String) ENGINE = URL('http://127.0.0.1:1/', 'CSV')",
      "CREATE TABLE own.b (a String) ENGINE = S3('http://127.0.0.1:1/', 'CSV')",
      "CREATE TABLE own.b (a String) ENGINE = Kafka('127.0.0.1:1', 't', 'g', 'CSV')",
      "CREATE TABLE own.b (a String) ENGINE = Executable('x.sh', 'TSV')",
      "CREATE TABLE own.b (a String) ENGINE = ExecutablePool('x.sh', 'TSV')",
      "CREATE TABLE own.b (a String) ENGINE = MySQL('127.0.0.1:1', 'b', 'c', 'd', 'e')",
      "CREATE TABLE own.b (a String) ENGINE = SQLite('x.db', 't')",
      "CREATE TABLE own.b (a String) ENGINE = EmbeddedRocksDB(0, '/tmp/x') PRIMARY KEY a",
      "CREATE TABLE own.b (a String) ENGINE = FileLog('/var/log', 'CSV')",
      "CREATE TABLE own.b AS file('/etc/passwd', 'LineAsString')",
      "CREATE TABLE own.b ENGINE = Memory AS SELECT * FROM file('/etc/passwd', 'LineAsString')",
      "CREATE VIEW own.b SQL SECURITY DEFINER AS SELECT * FROM file('/etc/passwd', 'LineAsString')",
      "CREATE DATABASE other ENGINE = Filesystem('/')",
      "CREATE DATABASE other ENGINE = Lazy(1)",
      "CREATE DATABASE other ENGINE = PostgreSQL('127.0.0.1:1', 'a', 'b', 'c')",
      "CREATE DATABASE other ENGINE = Backup('own', File('x'))",
      "CREATE DICTIONARY own.d (a UInt64) PRIMARY KEY a SOURCE(FILE(PATH '/etc/passwd' FORMAT CSV)) LAYOUT(FLAT()) "
      "LIFETIME(1)",
      "CREATE DICTIONARY own.d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT CSV)) LAYOUT(FLAT()) "
      "LIFETIME(1)",
      "CREATE FUNCTION f AS x -> x",
      "CREATE NAMED COLLECTION c AS a = 1",
      "CREATE USER u",
      "CREATE ROLE r",
      "CREATE ROW POLICY p ON own.t USING 1",
      "GRANT internal TO default",
      "SET ROLE internal",
      "SET ROLE ALL",
      "SET DEFAULT ROLE ALL TO default",
      "SET max_memory_usage = 1",
      "EXECUTE AS default SELECT 1",
      "USE millrace",
      "SYSTEM STOP MERGES millrace.events",
      "SYSTEM SHUTDOWN",
      "SYSTEM FLUSH LOGS",
      "KILL QUERY WHERE 1",
      "BACKUP DATABASE millrace TO File('x')",
      "RESTORE DATABASE millrace AS own2 FROM File('x')",
      "CREATE TEMPORARY TABLE x (a Int64)",
      "SELECT * FROM millrace.events INTO OUTFILE 'x.csv'",
      "BEGIN TRANSACTION",
  };
  const std::string before = internal_.ask(
      "SELECT name, database, create_table_query FROM system.tables WHERE database NOT IN ('system', "
      "'information_schema', 'INFORMATION_SCHEMA') ORDER BY ALL");
  for (const char* sql : kAttempts) {
    http::ClientResponse response = open_.post(sql);
    EXPECT_THAT(response.status, AnyOf(400, 403, 501)) << sql << "\n" << response.body;
    EXPECT_THAT(response.body, StartsWith("Code: ")) << sql;
  }
  EXPECT_EQ(internal_.ask("SELECT name, database, create_table_query FROM system.tables WHERE database NOT IN "
                          "('system', 'information_schema', 'INFORMATION_SCHEMA') ORDER BY ALL"),
            before);
  EXPECT_EQ(internal_.ask("SELECT a, s FROM millrace.events"), "1\tone");
  EXPECT_EQ(internal_.ask("SELECT a, s FROM own.t"), "10\tten");
}

TEST_F(Gate, NoViewHangsOnInsertsOfMillracesTables) {
  http::ClientResponse response = open_.post(
      "CREATE MATERIALIZED VIEW own.mv ENGINE = Memory AS SELECT throwIf(a > 0) AS x FROM events", "database=millrace");
  EXPECT_EQ(response.status, 403);
  response = open_.post("CREATE MATERIALIZED VIEW own.mv ENGINE = Memory AS SELECT a FROM {d:Identifier}.events",
                        "param_d=millrace");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(internal_.ask("SELECT count() FROM system.tables WHERE engine = 'MaterializedView'"), "0");
}

TEST_F(Gate, PublicSessionsHaveGivenUpTheInternalRole) {
  EXPECT_EQ(open_.ask("SHOW CURRENT ROLES"), "public\t0\t1");
  EXPECT_THAT(internal_.ask("SHOW CURRENT ROLES"), StartsWith("internal"));
}

TEST_F(Gate, InternalPortTakesOneStatementAtATime) {
  EXPECT_THAT(internal_.ask("SELECT 1; SELECT 2"), HasSubstr("Multi-statements"));
}

}  // namespace
}  // namespace millrace::engine
