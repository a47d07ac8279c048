#include "store/clickhouse/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::clickhouse {
namespace {

using testing::HasSubstr;

// Answers as it is told, and remembers what it was asked.
class ScriptedClient final : public http::Client {
 public:
  struct Seen {
    std::string target, body;
    std::vector<std::pair<std::string, std::string>> headers;
  };
  ScriptedClient(std::vector<Result<http::ClientResponse>> answers, std::vector<Seen>& seen)
      : answers_(std::move(answers)), seen_(seen) {}

  Result<http::ClientResponse> send(const http::ClientRequest& request, std::int64_t) override {
    Seen seen{request.target, "", request.headers};
    for (std::string_view piece : request.body) seen.body += piece;
    seen_.push_back(seen);
    Result<http::ClientResponse> answer = std::move(answers_.front());
    answers_.erase(answers_.begin());
    return answer;
  }
  Result<http::ClientResponse> stream(const http::ClientRequest&, std::int64_t,
                                      const std::function<bool(std::string_view)>&) override {
    return unavailable("not scripted");
  }
  void cancel() override {}

 private:
  std::vector<Result<http::ClientResponse>> answers_;
  std::vector<Seen>& seen_;
};

http::ClientResponse answer(int status, const std::string& body, int code = 0) {
  http::ClientResponse response;
  response.status = status;
  response.body = body;
  if (code != 0) response.headers.emplace_back("X-ClickHouse-Exception-Code", std::to_string(code));
  response.headers.emplace_back("X-ClickHouse-Summary", R"({"read_rows":"42","read_bytes":"7"})");
  return response;
}

TEST(Connection, SettingsAndFormatStandBehindTheStatement) {
  std::vector<ScriptedClient::Seen> seen;
  Connection connection(
      std::make_unique<ScriptedClient>(std::vector<Result<http::ClientResponse>>{answer(200, "1\n")}, seen),
      {"unix:/x", "", "me", "secret"});
  auto reply = connection.run("SELECT 1", {{"a", "1"}, {"b", "'x'"}}, "RowBinary", Purpose::kQuery, 1000);
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->body, "1\n");
  EXPECT_EQ(reply->rows_read, 42u);
  EXPECT_EQ(seen[0].body, "SELECT 1 SETTINGS a = 1, b = 'x' FORMAT RowBinary");
  EXPECT_EQ(seen[0].headers[0].second, "me");
  EXPECT_EQ(seen[0].headers[1].second, "secret");
}

TEST(Connection, InsertCarriesItsDataInTheBody) {
  std::vector<ScriptedClient::Seen> seen;
  Connection connection(
      std::make_unique<ScriptedClient>(std::vector<Result<http::ClientResponse>>{answer(200, "")}, seen),
      {"", "", "", ""});
  ASSERT_TRUE(connection.insert("INSERT INTO t (a)", "data", {{"async_insert", "0"}}, "id-1", 1000).ok());
  EXPECT_EQ(seen[0].target,
            "/?query=" + http::percent_encode("INSERT INTO t (a) SETTINGS async_insert = 0 FORMAT Native") +
                "&query_id=id-1");
  EXPECT_EQ(seen[0].body, "data");
}

TEST(Connection, QuestionIsAskedAgainOnADeadConnectionButNoInsertIs) {
  std::vector<ScriptedClient::Seen> seen;
  auto script = [&] {
    return std::make_unique<ScriptedClient>(
        std::vector<Result<http::ClientResponse>>{unknown_outcome("reset"), answer(200, "1")}, seen);
  };
  Connection asking(script(), {"", "", "", ""});
  EXPECT_TRUE(asking.run("SELECT 1", {}, "", Purpose::kQuery, 10'000).ok());
  Connection inserting(script(), {"", "", "", ""});
  EXPECT_EQ(inserting.insert("INSERT", "", {}, "", 10'000).error().code, Code::kUnknown);
}

TEST(Connection, ErrorsOfAnInsertTellWhatWasStored) {
  auto code = [](int status, int exception) { return classify(Purpose::kInsert, status, exception, "text").code; };
  EXPECT_EQ(code(500, 252), Code::kFull);  // TOO_MANY_PARTS
  EXPECT_EQ(code(500, 241), Code::kFull);  // MEMORY_LIMIT_EXCEEDED
  EXPECT_EQ(code(500, 202), Code::kFull);  // TOO_MANY_SIMULTANEOUS_QUERIES
  EXPECT_EQ(code(500, 243), Code::kFull);  // NOT_ENOUGH_SPACE
  EXPECT_EQ(code(429, 0), Code::kFull);
  EXPECT_EQ(code(500, 469), Code::kInvalid);      // VIOLATED_CONSTRAINT
  EXPECT_EQ(code(400, 321), Code::kInvalid);      // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  EXPECT_EQ(code(404, 60), Code::kUnavailable);   // UNKNOWN_TABLE
  EXPECT_EQ(code(403, 516), Code::kUnavailable);  // AUTHENTICATION_FAILED
  EXPECT_EQ(code(401, 0), Code::kUnavailable);
  EXPECT_EQ(code(500, 159), Code::kUnknown);  // TIMEOUT_EXCEEDED
  EXPECT_EQ(code(500, 242), Code::kUnknown);  // TABLE_IS_READ_ONLY: it may have become that in the midst of the insert
  EXPECT_EQ(code(500, 319), Code::kUnknown);  // UNKNOWN_STATUS_OF_INSERT
  EXPECT_EQ(code(500, 999), Code::kUnknown);  // KEEPER_EXCEPTION
  EXPECT_EQ(code(500, 394), Code::kUnknown);  // QUERY_WAS_CANCELLED
  EXPECT_EQ(code(502, 0), Code::kUnknown);
}

TEST(Connection, ErrorsOfAQueryNameTheLimit) {
  auto error = [](int exception) {
    return classify(Purpose::kQuery, 500, exception, "Code: 1. DB::Exception: text (version 26)");
  };
  EXPECT_THAT(error(159).message,
              HasSubstr("too busy, or the question is too large, to be answered within its time limit"));
  EXPECT_THAT(error(158).message, HasSubstr("rows read"));
  EXPECT_THAT(error(241).message, HasSubstr("memory limit"));
  EXPECT_EQ(error(241).code, Code::kFull);
  EXPECT_EQ(error(36).code, Code::kInvalid);
  EXPECT_EQ(error(1001).code, Code::kUnavailable);
  EXPECT_EQ(error(1001).message, "the store failed to answer: Code: 1. DB::Exception: text");
}

TEST(Connection, AddressIsTakenApart) {
  EXPECT_EQ(parse_address("http://a:b@host:8123/stats")->url, "http://a:b@host:8123");
  EXPECT_EQ(parse_address("http://a:b@host:8123/stats")->database, "stats");
  EXPECT_EQ(parse_address("https://host")->database, "");
  EXPECT_EQ(parse_address("unix:/run/engine.sock")->url, "unix:/run/engine.sock");
  EXPECT_EQ(parse_address("host:8123").error().code, Code::kInvalid);
  EXPECT_EQ(parse_address("http://host/a/b").error().code, Code::kInvalid);
}

TEST(Connection, AddressNamesSeveralServersOfOneDatabase) {
  auto all = parse_addresses("https://a:b%2Cc@one:8443,two,[::1]:8443/stats");
  ASSERT_TRUE(all.ok()) << all.error().message;
  ASSERT_EQ(all->size(), 3u);
  EXPECT_EQ((*all)[0].url, "https://a:b%2Cc@one:8443");
  EXPECT_EQ((*all)[1].url, "https://a:b%2Cc@two");
  EXPECT_EQ((*all)[2].url, "https://a:b%2Cc@[::1]:8443");
  for (const Address& one : *all) EXPECT_EQ(one.database, "stats");
  EXPECT_EQ(parse_addresses("http://one")->size(), 1u);
  EXPECT_EQ(parse_addresses("unix:/a,b")->size(), 1u);
  for (const char* wrong : {"http://,one/db", "http://one,/db", "http://one,,two", "http://one,two/a/b", "one,two"}) {
    EXPECT_EQ(parse_addresses(wrong).error().code, Code::kInvalid) << wrong;
  }
  EXPECT_EQ(store_host("https://a:b@one:8443"), "one:8443");
}

TEST(Connection, TroubleOfOneServerIsToldFromTroubleOfTheStatement) {
  for (int code : {242, 999, 225, 285, 236}) EXPECT_TRUE(is_servers_own(500, code)) << code;
  for (int code : {60, 62, 241, 252, 469, 516}) EXPECT_FALSE(is_servers_own(500, code)) << code;
  EXPECT_TRUE(is_servers_own(503, 0));
  EXPECT_FALSE(is_servers_own(404, 0));
  std::vector<ScriptedClient::Seen> seen;
  Connection connection(std::make_unique<ScriptedClient>(
                            std::vector<Result<http::ClientResponse>>{answer(500, "no", 242), answer(404, "no", 60),
                                                                      unavailable("refused"), answer(200, "")},
                            seen),
                        {"", "", "", "", ""});
  for (bool another_may : {true, false, true}) {
    EXPECT_FALSE(connection.run("ALTER", {}, "", Purpose::kChange, 1000).ok());
    EXPECT_EQ(connection.another_may(), another_may);
  }
  EXPECT_TRUE(connection.run("ALTER", {}, "", Purpose::kChange, 1000).ok());
  EXPECT_FALSE(connection.another_may());
}

TEST(Connection, ReplicaIsWaitedForAsLongAsItIsSaid) {
  std::vector<ScriptedClient::Seen> seen;
  Connection connection(std::make_unique<ScriptedClient>(
                            std::vector<Result<http::ClientResponse>>{answer(200, ""), answer(500, "no", 159)}, seen),
                        {"", "", "", "", "&a=b"});
  EXPECT_TRUE(connection.wait_for("SYSTEM SYNC REPLICA t LIGHTWEIGHT", 30'000).ok());
  EXPECT_EQ(seen[0].target, "/?wait_end_of_query=1&a=b&receive_timeout=30");
  EXPECT_EQ(seen[0].body, "SYSTEM SYNC REPLICA t LIGHTWEIGHT");
  EXPECT_EQ(connection.wait_for("SYSTEM SYNC REPLICA t LIGHTWEIGHT", 30'000).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace millrace::clickhouse
