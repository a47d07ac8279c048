#include "engine/request.h"

#include <gtest/gtest.h>

namespace millrace::engine {
namespace {

http::Head head(std::string method, std::vector<std::pair<std::string, std::string>> query,
                std::vector<std::pair<std::string, std::string>> headers = {}) {
  http::Head made;
  made.method = std::move(method);
  made.query = std::move(query);
  made.headers = std::move(headers);
  return made;
}

TEST(Credentials, HeadersComeBeforeAuthorizationComesBeforeParameters) {
  Credentials all =
      credentials_of(head("GET", {{"user", "p"}}, {{"X-ClickHouse-User", "h"}, {"Authorization", "Basic YTpi"}}));
  EXPECT_EQ(all.user, "h");
  Credentials basic = credentials_of(head("GET", {{"user", "p"}}, {{"Authorization", "Basic YTpiOmM="}}));
  EXPECT_EQ(basic.user, "a");
  EXPECT_EQ(basic.password, "b:c");
  EXPECT_EQ(credentials_of(head("GET", {{"user", "p"}, {"password", "q"}})).password, "q");
  EXPECT_FALSE(credentials_of(head("GET", {})).given);
  for (const char* text : {"Basic", "Basic !!!", "Basic YQ=="}) {
    EXPECT_EQ(credentials_of(head("GET", {}, {{"Authorization", text}})).user, "") << text;
  }
}

TEST(Credentials, ComparisonTellsEqualFromDifferent) {
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  for (const char* other : {"", "secre", "secreT", "secretsecret"}) {
    EXPECT_FALSE(equal_in_constant_time("secret", other)) << other;
    EXPECT_FALSE(equal_in_constant_time(other, "secret")) << other;
  }
}

TEST(Request, OnlyPostMayWrite) {
  EXPECT_TRUE(std::get<QueryRequest>(read_request(head("POST", {}))).may_write);
  EXPECT_FALSE(std::get<QueryRequest>(read_request(head("GET", {}))).may_write);
  EXPECT_FALSE(std::get<QueryRequest>(read_request(head("POST", {{"readonly", "2"}}))).may_write);
}

TEST(Request, UnknownContentEncodingIsRefused) {
  auto refused = read_request(head("POST", {}, {{"Content-Encoding", "br"}}));
  EXPECT_EQ(std::get<Exception>(refused).code, kNotImplemented);
}

TEST(Request, ContentTypesFollowTheFormat) {
  EXPECT_EQ(content_type_of("JSON"), "application/json; charset=UTF-8");
  EXPECT_EQ(content_type_of("JSONEachRow"), "application/x-ndjson; charset=UTF-8");
  EXPECT_EQ(content_type_of("CSVWithNames"), "text/csv; charset=UTF-8");
  EXPECT_EQ(content_type_of("Parquet"), "application/octet-stream");
  EXPECT_EQ(content_type_of("Pretty"), "text/plain; charset=UTF-8");
}

TEST(Exceptions, CodeIsTakenOutOfTheMessage) {
  EXPECT_EQ(parse_exception("Code: 60. DB::Exception: Table x (UNKNOWN_TABLE)").code, 60);
  Exception odd = parse_exception("something odd");
  EXPECT_EQ(odd.code, kUnknownException);
  EXPECT_EQ(odd.text, "Code: 1002. DB::Exception: something odd (UNKNOWN_EXCEPTION)");
  EXPECT_EQ(parse_exception("Code: many").code, kUnknownException);
}

}  // namespace
}  // namespace millrace::engine
