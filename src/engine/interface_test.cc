// The HTTP interface, against the real engine.

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "engine/engine_for_test.h"
#include "engine/request.h"
#include "http/decode.h"
#include "http/encode.h"
#include "io/clock.h"

namespace millrace::engine {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Interface : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TestFolder;
    SupervisorOptions options = options_for_test(folder_->path());
    options.queries_max = 3;
    options.queue_ms_max = 300;
    options.public_execution_s_max = 20;
    engine_ = new RunningEngine(std::move(options));
    ASSERT_NE(engine_->supervisor, nullptr);
    ASSERT_EQ(engine_->open().ask("CREATE DATABASE own ENGINE = Atomic"), "");
    ASSERT_EQ(engine_->open().ask("CREATE TABLE own.t (a Int64, s String) ENGINE = MergeTree ORDER BY a"), "");
  }
  static void TearDownTestSuite() {
    delete engine_;
    delete folder_;
  }
  void SetUp() override { ask_.ask("TRUNCATE TABLE own.t"); }

  static TestFolder* folder_;
  static RunningEngine* engine_;
  Asker ask_ = engine_->open();
};
TestFolder* Interface::folder_ = nullptr;
RunningEngine* Interface::engine_ = nullptr;

TEST_F(Interface, PingNeedsNoPassword) {
  http::ClientResponse response = ask_.send({"GET", "/ping", {}, {}}, "", false);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "Ok.\n");
}

TEST_F(Interface, StrangersAreRefused) {
  http::ClientResponse without = ask_.send({"GET", "/?query=SELECT+1", {}, {}}, "", false);
  EXPECT_EQ(without.status, 401);
  EXPECT_EQ(without.header("X-ClickHouse-Exception-Code"), "194");
  for (const char* name : {"tester", "internal", "default", ""}) {
    Asker stranger("http://" + engine_->supervisor->public_address(), name, "guess");
    http::ClientResponse response = stranger.post("SELECT 1");
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(response.header("X-ClickHouse-Exception-Code"), "516");
    EXPECT_THAT(response.body, StartsWith("Code: 516. DB::Exception: Authentication failed"));
  }
  Asker wrong_port("http://" + engine_->supervisor->public_address(), engine_->supervisor->user(),
                   engine_->supervisor->secret());
  EXPECT_EQ(wrong_port.post("SELECT 1").status, 403);
}

TEST_F(Interface, UserAndPasswordComeInThreeWays) {
  std::string password = http::percent_encode("a test's password");
  EXPECT_EQ(ask_.send({"GET", "/?query=SELECT+1&user=tester&password=" + password, {}, {}}, "", false).body, "1\n");
  Headers headers = {{"X-ClickHouse-User", "tester"}, {"X-ClickHouse-Key", "a test's password"}};
  EXPECT_EQ(ask_.send({"GET", "/?query=SELECT+1", headers, {}}, "", false).body, "1\n");
  EXPECT_EQ(ask_.ask("SELECT 1"), "1");
}

TEST_F(Interface, QueryComesInUrlInBodyOrInBoth) {
  EXPECT_EQ(ask_.get("SELECT 2").body, "2\n");
  EXPECT_EQ(ask_.ask("SELECT 3"), "3");
  EXPECT_EQ(ask_.ask("+ 4", "query=SELECT+1"), "5");
}

TEST_F(Interface, AnswerTellsFormatIdAndCounts) {
  http::ClientResponse response =
      ask_.post("SELECT number FROM numbers(10)", "default_format=JSONEachRow&query_id=my-id");
  EXPECT_EQ(response.header("X-ClickHouse-Query-Id"), "my-id");
  EXPECT_EQ(response.header("X-ClickHouse-Format"), "JSONEachRow");
  EXPECT_EQ(response.header("Content-Type"), "application/x-ndjson; charset=UTF-8");
  EXPECT_EQ(response.header("X-ClickHouse-Timezone"), "UTC");
  EXPECT_THAT(std::string(response.header("X-ClickHouse-Summary")), HasSubstr(R"("read_rows":"10")"));
  EXPECT_THAT(std::string(response.header("X-ClickHouse-Summary")), HasSubstr(R"("result_rows":"10")"));
  EXPECT_THAT(response.body, StartsWith("{\"number\":"));
  EXPECT_EQ(ask_.post("SELECT 1 FORMAT JSON", "default_format=CSV").header("X-ClickHouse-Format"), "JSON");
  EXPECT_EQ(ask_.post("SELECT 1", "", {{"X-ClickHouse-Format", "CSV"}}).header("X-ClickHouse-Format"), "CSV");
}

TEST_F(Interface, QueryIdCannotSmuggleHeaders) {
  EXPECT_EQ(ask_.post("SELECT 1", "query_id=a%0d%0aX-Evil:%201").status, 400);
}

TEST_F(Interface, RowsOfEveryKindOfInsertArrive) {
  EXPECT_EQ(ask_.ask("INSERT INTO own.t VALUES (1, 'a;b'), (2, 'it''s')"), "");
  EXPECT_EQ(ask_.ask("INSERT INTO own.t FORMAT JSONEachRow {\"a\":3,\"s\":\"x;y\"}"), "");
  EXPECT_EQ(ask_.ask("4,\"c;d\"\n5,e\n", "query=INSERT+INTO+own.t+FORMAT+CSV"), "");
  EXPECT_EQ(ask_.ask("(6, 'f')", "query=INSERT+INTO+own.t+VALUES"), "");
  EXPECT_EQ(ask_.ask("INSERT INTO own.t SELECT a + 6, s FROM own.t"), "");
  EXPECT_EQ(ask_.ask("INSERT INTO t VALUES (13, '')", "database=own"), "");
  EXPECT_EQ(ask_.ask("SELECT count(), sum(a) FROM own.t"), "13\t91");
  http::ClientResponse response = ask_.post("INSERT INTO own.t VALUES (1, ''), (2, '')");
  EXPECT_THAT(std::string(response.header("X-ClickHouse-Summary")), HasSubstr(R"("written_rows":"2")"));
}

TEST_F(Interface, BinaryDataWithEveryByteArrivesWhole) {
  std::string rows, all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::int64_t i = 0; i < 500; ++i) {
    rows.append(reinterpret_cast<const char*>(&i), 8);
    rows += "\x80\x02" + all;  // LEB128 of 256
  }
  EXPECT_EQ(ask_.ask(rows, "query=INSERT+INTO+own.t+FORMAT+RowBinary"), "");
  EXPECT_EQ(ask_.ask("SELECT count(), sum(length(s)), uniq(s) FROM own.t"), "500\t128000\t1");
  EXPECT_EQ(ask_.ask("INSERT INTO own.t FORMAT RowBinary\n" + rows), "");
  EXPECT_EQ(ask_.ask("SELECT count(), sum(length(s)), uniq(s) FROM own.t"), "1000\t256000\t1");
}

TEST_F(Interface, RefusedRowsAreToldAndNothingOfASmallInsertIsStored) {
  http::ClientResponse response = ask_.post("INSERT INTO own.t FORMAT JSONEachRow {\"a\":1}\n{\"a\":\"no number\"}");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.header("X-ClickHouse-Exception-Code"), "27");
  EXPECT_EQ(ask_.ask("SELECT count() FROM own.t"), "0");
}

TEST_F(Interface, InsertOutOfInputIsRefusedInsteadOfCutShort) {
  http::ClientResponse response =
      ask_.post("INSERT INTO own.t SELECT a, s FROM input('a Int64, s String') FORMAT CSV\n1,\"x;y\"");
  EXPECT_EQ(response.status, 501);
  EXPECT_EQ(response.header("X-ClickHouse-Exception-Code"), "48");
}

TEST_F(Interface, ErrorsHaveClickHousesCodesAndStatuses) {
  struct Case {
    const char* sql;
    const char* code;
    int status;
  };
  for (const Case& c :
       {Case{"SELEC 1", "62", 400}, Case{"SELECT * FROM own.none", "60", 404}, Case{"SELECT none", "47", 404},
        Case{"SELECT 1 FORMAT None", "73", 404}, Case{"SELECT * FROM none.t", "81", 404},
        Case{"SELECT throwIf(1)", "395", 500}, Case{"", "62", 400}, Case{"SELECT 1; SELECT 2", "62", 400}}) {
    http::ClientResponse response = ask_.post(c.sql);
    EXPECT_EQ(response.status, c.status) << c.sql << ": " << response.body;
    EXPECT_EQ(response.header("X-ClickHouse-Exception-Code"), c.code) << c.sql;
    EXPECT_THAT(response.body, StartsWith(std::string("Code: ") + c.code + ". DB::Exception: ")) << c.sql;
  }
}

TEST_F(Interface, SettingsComeFromAnAllowList) {
  EXPECT_EQ(ask_.ask("SELECT toUInt64(1) AS a FORMAT JSONEachRow", "output_format_json_quote_64bit_integers=1"),
            "{\"a\":\"1\"}");
  EXPECT_EQ(ask_.ask("SELECT toUInt64(1) AS a FORMAT JSONEachRow"), "{\"a\":1}") << "a setting outlived its request";
  http::ClientResponse unknown = ask_.post("SELECT 1", "allow_introspection_functions=1");
  EXPECT_EQ(unknown.header("X-ClickHouse-Exception-Code"), "115");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(ask_.post("SELECT 1", "max_memory_usage=0").header("X-ClickHouse-Exception-Code"), "452");
  EXPECT_EQ(ask_.post("SELECT 1 SETTINGS max_memory_usage = 100000000000").header("X-ClickHouse-Exception-Code"),
            "452");
  EXPECT_EQ(ask_.post("SELECT 1", "max_threads=x'%20--").status, 400);
  EXPECT_EQ(ask_.ask("SELECT count() FROM numbers(100)",
                     "max_rows_to_read=10&read_overflow_mode=break&send_progress_in_http_headers=1"),
            "100");
}

TEST_F(Interface, WhatWouldChangeTheMeaningIsRefused) {
  for (const char* parameter : {"session_id=s", "compress=1", "decompress=1", "role=internal"}) {
    EXPECT_EQ(ask_.post("SELECT 1", parameter).header("X-ClickHouse-Exception-Code"), "48") << parameter;
  }
}

TEST_F(Interface, GetOnlyReads) {
  http::ClientResponse response = ask_.get("TRUNCATE TABLE own.t");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.header("X-ClickHouse-Exception-Code"), "164");
  EXPECT_EQ(ask_.post("TRUNCATE TABLE own.t", "readonly=1").header("X-ClickHouse-Exception-Code"), "164");
}

TEST_F(Interface, ParametersAreBoundNotPasted) {
  EXPECT_EQ(ask_.ask("SELECT {a:UInt8} + 1, {b:String}", "param_a=5&param_b=it%27s%3B%20--"), "6\tit\\'s; --");
  EXPECT_EQ(ask_.ask("SELECT * FROM {t:Identifier}.one", "param_t=system"), "0");
  EXPECT_EQ(ask_.post("SELECT {a:UInt8}").header("X-ClickHouse-Exception-Code"), "456");
  EXPECT_EQ(ask_.ask("ALTER TABLE own.t DELETE WHERE s = {s:String}", "param_s=x"), "");
}

TEST_F(Interface, ParametersOfParallelQueriesDontMix) {
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0, right = 0;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        std::string value = std::to_string(t) + "-" + std::to_string(i);
        (ask_.ask("SELECT {v:String}, sum(number) FROM numbers(1000)", "param_v=" + value).starts_with(value + "\t")
             ? right
             : wrong)++;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(right, 300);
}

TEST_F(Interface, LargeAnswersComeWholeAndPacked) {
  std::string sql = "SELECT number FROM numbers(1000000)";
  std::string plain = ask_.post(sql).body;
  EXPECT_THAT(plain, EndsWith("\n999999\n"));
  EXPECT_EQ(plain.size(), 6'888'890U);
  http::ClientResponse packed = ask_.post(sql, "enable_http_compression=1", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
  std::string unpacked;
  ASSERT_TRUE(http::decode(http::Encoding::kGzip, packed.body, {}, unpacked).ok());
  EXPECT_TRUE(unpacked == plain);
  EXPECT_TRUE(ask_.post(sql, "wait_end_of_query=1").body == plain);
}

TEST_F(Interface, PackedBodiesAreUnpacked) {
  auto encoder = http::GzipEncoder::create();
  std::string packed = encoder->add("INSERT INTO own.t FORMAT CSV\n");
  for (int i = 0; i < 1000; ++i) packed += encoder->add(std::to_string(i) + ",x\n");
  packed += encoder->finish();
  EXPECT_EQ(ask_.post(packed, "", {{"Content-Encoding", "gzip"}}).status, 200);
  EXPECT_EQ(ask_.ask("SELECT count(), sum(a) FROM own.t"), "1000\t499500");
  EXPECT_EQ(ask_.post("no gzip", "", {{"Content-Encoding", "gzip"}}).status, 400);
}

TEST_F(Interface, ErrorBehindALargeBeginningBreaksTheAnswerOff) {
  http::ClientResponse response =
      ask_.post("SELECT throwIf(number = 900000), repeat('x', 20) FROM numbers(1000000) SETTINGS max_threads = 1");
  EXPECT_EQ(response.status, 0) << "the answer looks whole";
  EXPECT_EQ(ask_.post("SELECT throwIf(number = 900000) FROM numbers(1000000)", "wait_end_of_query=1").status, 500);
}

TEST_F(Interface, LongQueriesAreCutByTheirLimit) {
  std::int64_t start = system_clock().monotonic();
  http::ClientResponse response =
      ask_.post("SELECT sum(cityHash64(number)) FROM numbers(1000000000000)", "max_execution_time=1");
  EXPECT_EQ(response.header("X-ClickHouse-Exception-Code"), "159");
  EXPECT_EQ(response.status, 408);
  EXPECT_LT(system_clock().monotonic() - start, 10'000'000'000);
}

std::string running(Asker internal) {
  return internal.ask(
      "SELECT count() FROM system.processes WHERE query LIKE '%endless%' AND query NOT LIKE '%processes%'");
}

TEST_F(Interface, QueryOfAClientThatHasGoneIsStopped) {
  auto client = http::Client::create("http://tester:a%20test's%20password@" + engine_->supervisor->public_address());
  ASSERT_TRUE(client.ok());
  std::string_view body = "SELECT sum(cityHash64(number)) AS endless FROM numbers(1000000000000)";
  http::ClientRequest request{"POST", "/", {}, {&body, 1}};
  EXPECT_FALSE((*client)->send(request, 500).ok());
  client->reset();
  std::int64_t deadline = system_clock().monotonic() + 10'000'000'000;
  while (running(engine_->internal()) != "0" && system_clock().monotonic() < deadline) std::this_thread::yield();
  EXPECT_EQ(running(engine_->internal()), "0");
}

TEST_F(Interface, MoreQueriesThanAllowedWaitAndAreThenRefused) {
  std::vector<std::thread> threads;
  std::atomic<int> served = 0, refused = 0;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      http::ClientResponse response = ask_.post("SELECT sleepEachRow(1.25) FROM numbers(2)");
      if (response.status == 200) ++served;
      if (response.status == 503 && response.header("X-ClickHouse-Exception-Code") == "202") ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, 3);
  EXPECT_EQ(refused, 3);
}

TEST_F(Interface, StatusTellsWhatIsInForce) {
  http::ClientResponse response = engine_->internal().send({"GET", "/internal/status", {}, {}}, "");
  ASSERT_EQ(response.status, 200);
  auto json = Json::parse(response.body);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->find("seccomp")->boolean(), true);
  EXPECT_GT(json->find("landlock_abi")->integer().value(), 0);
  EXPECT_GT(json->find("resident_bytes")->integer().value(), 10'000'000);
  EXPECT_GE(json->find("written_bytes")->integer().value(), 0);
  EXPECT_EQ(json->find("memory_bytes_max")->integer().value(), 1 << 30);
  EXPECT_LE(json->find("queries_running")->integer().value(), 6);
  EXPECT_EQ(ask_.send({"GET", "/internal/status", {}, {}}, "").status, 404);
}

TEST_F(Interface, PinnedSettingsAreInForce) {
  EXPECT_EQ(
      ask_.ask("SELECT getSetting('async_insert'), getSetting('insert_deduplicate'), getSetting('deduplicate_insert'), "
               "getSetting('http_max_tries'), getSetting('max_memory_usage')"),
      "false\tfalse\tdisable\t1\t536870912");
  EXPECT_EQ(ask_.ask("SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'"), "1073741824");
  EXPECT_EQ(ask_.ask("SELECT value FROM system.merge_tree_settings WHERE name IN ('max_suspicious_broken_parts', "
                     "'min_free_disk_bytes_to_perform_insert', 'non_replicated_deduplication_window') ORDER BY name"),
            "1000000\n268435456\n0");
}

}  // namespace
}  // namespace millrace::engine
