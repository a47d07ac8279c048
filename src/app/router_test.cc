#include "app/router.h"

#include <gtest/gtest.h>

#include "app/cookie.h"
#include "app/dashboards_api.h"
#include "app/page.h"
#include "app/page_assets.h"
#include "app/session_api.h"
#include "ingest/test_exchange.h"
#include "io/test_folder.h"

namespace millrace {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

class RouterTest : public testing::Test {
 protected:
  void SetUp() override {
    keys_ = std::move(KeyStore::open(posix_file_system(), clock_, folder_.path())).value();
    log_ = std::move(ControlLog::open(posix_file_system(), folder_.path())).value();
    sessions_ = std::make_unique<Sessions>(*log_, *keys_, clock_, 60);
    dashboards_ = std::make_unique<Dashboards>(*log_, clock_);
    session_api_ = std::make_unique<SessionApi>(*keys_, *sessions_, true);
    dashboards_api_ = std::make_unique<DashboardsApi>(*dashboards_);
    read_key_ = *keys_->create("r", "default", kScopeRead, kNoTime);
    admin_key_ = *keys_->create("a", "default", kScopeAll, kNoTime);
    write_key_ = *keys_->create("w", "default", kScopeWrite, kNoTime);
    feed_key_ = *keys_->create("f", "default", kScopeFeed, kNoTime);
    other_key_ = *keys_->create("o", "other", kScopeAll, kNoTime);
    auto to = [](auto& object, auto method) {
      return [&object, method](const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
        (object.*method)(principal, std::move(exchange));
      };
    };
    auto told = [this](const Principal& principal, std::unique_ptr<http::Exchange> exchange) {
      principal_ = principal;
      exchange->reply({});
    };
    std::vector<Route> routes = {
        {"GET", "/v1/read", kScopeRead, told},
        {"POST", "/v1/read", kScopeRead, told},
        {"GET", "/v1/admin", kScopeAdmin, told},
        {"GET", "/v1/live", kScopeRead, told, true},
        {"GET", "/v1/view-feed", kScopeFeed | kScopeAdmin, told, false, true},
        {"GET", "/v1/verify", kScopeAdmin, told, false, true},
        {"POST", "/v1/session", 0, to(*session_api_, &SessionApi::open)},
        {"GET", "/v1/session", kScopeRead, to(*session_api_, &SessionApi::show)},
        {"DELETE", "/v1/session", kScopeRead, to(*session_api_, &SessionApi::close)},
        {"GET", "/v1/dashboards", kScopeRead, to(*dashboards_api_, &DashboardsApi::list)},
        {"GET", "/v1/dashboards/*", kScopeRead, to(*dashboards_api_, &DashboardsApi::show)},
        {"PUT", "/v1/dashboards/*", kScopeRead, to(*dashboards_api_, &DashboardsApi::save)},
        {"DELETE", "/v1/dashboards/*", kScopeRead, to(*dashboards_api_, &DashboardsApi::remove)},
        {"POST", "/v1/dashboards/*/share", kScopeRead, to(*dashboards_api_, &DashboardsApi::share)},
        {"DELETE", "/v1/dashboards/*/share", kScopeRead, to(*dashboards_api_, &DashboardsApi::unshare)},
        {"GET", "/v1/shared/*", 0, to(*dashboards_api_, &DashboardsApi::show_shared)},
    };
    for (Route& route : page_routes()) {
      routes.push_back(std::move(route));
    }
    router_ = std::make_unique<Router>(Doors{*keys_, *sessions_, *dashboards_}, std::move(routes));
  }

  Answer ask(const std::string& method, const std::string& path, Headers headers = {}, std::string body = "",
             Headers query = {}) {
    http::Head head;
    head.method = method;
    head.path = path;
    head.headers = std::move(headers);
    head.query = std::move(query);
    Answer answer;
    router_->handle(std::make_unique<TestExchange>(std::move(head), std::move(body), answer));
    EXPECT_EQ(answer.replies, 1);
    return answer;
  }
  Headers bearer(const KeyStore::Created& key) { return {{"Authorization", "Bearer " + key.secret}}; }
  bool admits(const std::string& path, const KeyStore::Created& key) {
    http::Head head;
    head.method = "GET";
    head.path = path;
    head.headers = bearer(key);
    return router_->admits(head);
  }
  // The cookie's name and value after a log-in.
  std::string log_in(const KeyStore::Created& key) {
    Answer answer = ask("POST", "/v1/session", {}, R"({"key":")" + key.secret + R"("})");
    EXPECT_EQ(answer.response.status, 204);
    return answer.header("Set-Cookie").substr(0, answer.header("Set-Cookie").find(';'));
  }

  TestFolder folder_;
  ManualClock clock_{1'700'000'000'000'000'000};
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<ControlLog> log_;
  std::unique_ptr<Sessions> sessions_;
  std::unique_ptr<Dashboards> dashboards_;
  std::unique_ptr<SessionApi> session_api_;
  std::unique_ptr<DashboardsApi> dashboards_api_;
  std::unique_ptr<Router> router_;
  KeyStore::Created read_key_, admin_key_, write_key_, feed_key_;
  KeyStore::Created other_key_;  // all scopes, of another project
  Principal principal_;
};

TEST_F(RouterTest, LoggingInGivesACookieThatScriptsAndOtherSitesDoNotGet) {
  Answer answer = ask("POST", "/v1/session", {}, R"({"key":")" + read_key_.secret + R"("})");
  EXPECT_EQ(answer.response.status, 204);
  std::string cookie = answer.header("Set-Cookie");
  for (const char* part :
       {"millrace_session=", "; HttpOnly", "; SameSite=Strict", "; Path=/", "; Secure", "Max-Age=60"}) {
    EXPECT_NE(cookie.find(part), std::string::npos) << part << " in " << cookie;
  }
  EXPECT_EQ(cookie.find(read_key_.secret), std::string::npos);
}

TEST_F(RouterTest, LoggingInNeedsAKeyThatMayRead) {
  EXPECT_EQ(ask("POST", "/v1/session", {}, R"({"key":"mr_nobody_has_this_one"})").response.status, 401);
  EXPECT_EQ(ask("POST", "/v1/session", {}, R"({"key":")" + write_key_.secret + R"("})").response.status, 403);
  for (const char* bad : {"", "{}", R"({"key":1})", R"({"key":"x","more":1})", "[]"}) {
    EXPECT_EQ(ask("POST", "/v1/session", {}, bad).response.status, 400) << bad;
  }
}

TEST_F(RouterTest, ASessionReadsAndNeverAdministers) {
  std::string cookie = log_in(admin_key_);
  EXPECT_EQ(ask("GET", "/v1/read", {{"Cookie", "a=b; " + cookie}}).response.status, 200);
  EXPECT_EQ(principal_.key_id, admin_key_.info.id);
  EXPECT_EQ(principal_.scopes, kScopeRead);
  EXPECT_EQ(ask("GET", "/v1/admin", {{"Cookie", cookie}}).response.status, 403);
  EXPECT_EQ(ask("GET", "/v1/admin", bearer(admin_key_)).response.status, 200);
  Answer shown = ask("GET", "/v1/session", {{"cookie", cookie}});
  EXPECT_EQ(shown.response.body, R"({"scopes":["read"],"project":"default"})");
}

TEST_F(RouterTest, ARequestByCookieThatChangesSomethingNeedsTheHeader) {
  std::string cookie = log_in(read_key_);
  EXPECT_EQ(ask("POST", "/v1/read", {{"Cookie", cookie}}).response.status, 403);
  EXPECT_EQ(ask("DELETE", "/v1/session", {{"Cookie", cookie}}).response.status, 403);
  EXPECT_EQ(ask("POST", "/v1/read", {{"Cookie", cookie}, {"X-Millrace", "1"}}).response.status, 200);
  EXPECT_EQ(ask("POST", "/v1/read", bearer(read_key_)).response.status, 200) << "a key needs none";
}

TEST_F(RouterTest, LoggingOutEndsTheSessionAndTakesTheCookieAway) {
  std::string cookie = log_in(read_key_);
  Answer out = ask("DELETE", "/v1/session", {{"Cookie", cookie}, {"X-Millrace", "1"}});
  EXPECT_EQ(out.response.status, 204);
  EXPECT_NE(out.header("Set-Cookie").find("Max-Age=0"), std::string::npos);
  EXPECT_EQ(ask("GET", "/v1/session", {{"Cookie", cookie}}).response.status, 401);
  EXPECT_EQ(ask("GET", "/v1/session").response.status, 401);
}

TEST_F(RouterTest, TwoSessionCookiesAreNone) {
  std::string cookie = log_in(read_key_);
  EXPECT_EQ(ask("GET", "/v1/read", {{"Cookie", cookie + "; " + cookie}}).response.status, 401);
  EXPECT_EQ(ask("GET", "/v1/read", {{"Cookie", "x" + cookie}}).response.status, 401);
}

TEST_F(RouterTest, DashboardsAreSavedShownSharedAndRemovedBySession) {
  Headers mine = {{"Cookie", log_in(read_key_)}, {"X-Millrace", "1"}};
  std::string body = R"({"name":"Sales","panels":[{"title":"t","kind":"tail","topic":"tail"}]})";
  EXPECT_EQ(ask("PUT", "/v1/dashboards/d1", mine, body).response.status, 201);
  EXPECT_EQ(ask("PUT", "/v1/dashboards/d1", mine, body).response.status, 200);
  EXPECT_EQ(ask("PUT", "/v1/dashboards/d1", mine, "{}").response.status, 400);
  EXPECT_EQ(ask("GET", "/v1/dashboards/d1", mine).json().find("name")->text(), "Sales");
  EXPECT_TRUE(ask("GET", "/v1/dashboards/d1", mine).json().find("link")->is_null());
  EXPECT_EQ(ask("GET", "/v1/dashboards", mine).json().find("dashboards")->items().size(), 1u);
  std::string link = ask("POST", "/v1/dashboards/d1/share", mine).json().find("link")->text();
  ASSERT_TRUE(link.starts_with("/d/"));
  EXPECT_EQ(ask("GET", "/v1/dashboards/d1", mine).json().find("link")->text(), link);
  EXPECT_EQ(ask("GET", "/v1/shared/" + link.substr(3)).json().find("name")->text(), "Sales");
  EXPECT_EQ(ask("DELETE", "/v1/dashboards/d1/share", mine).response.status, 204);
  EXPECT_EQ(ask("GET", "/v1/shared/" + link.substr(3)).response.status, 404);
  EXPECT_EQ(ask("DELETE", "/v1/dashboards/d1", mine).response.status, 204);
  EXPECT_EQ(ask("GET", "/v1/dashboards/d1", mine).response.status, 404);
  EXPECT_EQ(ask("PUT", "/v1/dashboards/d1", {}, body).response.status, 401);
}

TEST_F(RouterTest, ALinkLetsInToItsDashboardsTopicsAlone) {
  Headers mine = {{"Cookie", log_in(read_key_)}, {"X-Millrace", "1"}};
  ask("PUT", "/v1/dashboards/d1", mine,
      R"({"name":"n","panels":[{"kind":"line","topic":"view:a"},{"kind":"tail","topic":"tail"}]})");
  std::string token = *dashboards_->share("default", "d1");
  EXPECT_EQ(ask("GET", "/v1/live", {}, "", {{"share", token}, {"topic", "view:a"}, {"topic", "tail"}}).response.status,
            200);
  EXPECT_EQ(principal_.scopes, kScopeRead);
  EXPECT_EQ(ask("GET", "/v1/live", {}, "", {{"share", token}, {"topic", "view:b"}}).response.status, 403);
  EXPECT_EQ(
      ask("GET", "/v1/live", {}, "", {{"share", token}, {"topic", "view:a"}, {"topic", "health"}}).response.status,
      403);
  EXPECT_EQ(ask("GET", "/v1/live", {}, "", {{"share", "0123456789abcdef0123"}, {"topic", "view:a"}}).response.status,
            401);
  EXPECT_EQ(ask("GET", "/v1/read", {}, "", {{"share", token}}).response.status, 401) << "no other route takes links";
}

TEST_F(RouterTest, TheFeedTakesKeysOfItsScopeAndTellsOthersWhichCommandMakesOne) {
  for (const KeyStore::Created& key : {feed_key_, admin_key_}) {
    EXPECT_EQ(ask("GET", "/v1/view-feed", bearer(key)).response.status, 200) << key.info.name;
    EXPECT_TRUE(admits("/v1/view-feed", key)) << key.info.name;
  }
  for (const KeyStore::Created& key : {read_key_, write_key_}) {
    Answer refused = ask("GET", "/v1/view-feed", bearer(key));
    EXPECT_EQ(refused.response.status, 403) << key.info.name;
    EXPECT_NE(refused.json().find("detail")->text().find("'millrace keys create --name NAME --scopes feed'"),
              std::string::npos)
        << refused.response.body;
    EXPECT_FALSE(admits("/v1/view-feed", key)) << key.info.name;
  }
  EXPECT_EQ(ask("GET", "/v1/view-feed", {{"Cookie", log_in(admin_key_)}}).response.status, 403) << "sessions only read";
  EXPECT_EQ(ask("GET", "/v1/read", bearer(feed_key_)).response.status, 403) << "and nothing else takes it";
}

TEST_F(RouterTest, WhatTellsOfAllProjectsTakesKeysOfTheServersOwnProjectAlone) {
  KeyStore::Created other_feed = *keys_->create("of", "other", kScopeFeed, kNoTime);
  for (auto [path, key] :
       {std::pair("/v1/view-feed", other_key_), {"/v1/view-feed", other_feed}, {"/v1/verify", other_key_}}) {
    Answer refused = ask("GET", path, bearer(key));
    EXPECT_EQ(refused.response.status, 403) << path;
    EXPECT_NE(refused.response.body.find("a key of the project default"), std::string::npos) << refused.response.body;
    EXPECT_FALSE(admits(path, key)) << path;
  }
  EXPECT_EQ(ask("GET", "/v1/verify", bearer(admin_key_)).response.status, 200);
  EXPECT_EQ(ask("GET", "/v1/admin", bearer(other_key_)).response.status, 200)
      << "its own project's matters it may tend";
}

TEST_F(RouterTest, ADashboardAndItsLinkAreOfOneProject) {
  Headers mine = bearer(read_key_);
  Headers theirs = bearer(other_key_);
  ask("PUT", "/v1/dashboards/d1", mine, R"({"name":"mine","panels":[{"kind":"line","topic":"view:a"}]})");
  EXPECT_EQ(ask("GET", "/v1/dashboards/d1", theirs).response.status, 404);
  EXPECT_EQ(ask("GET", "/v1/dashboards", theirs).json().find("dashboards")->items().size(), 0u);
  EXPECT_EQ(ask("POST", "/v1/dashboards/d1/share", theirs).response.status, 404);
  EXPECT_EQ(ask("PUT", "/v1/dashboards/d1", theirs, R"({"name":"theirs","panels":[{"kind":"line","topic":"view:b"}]})")
                .response.status,
            201);
  EXPECT_EQ(ask("GET", "/v1/dashboards/d1", mine).json().find("name")->text(), "mine");
  std::string token = *dashboards_->share("other", "d1");
  EXPECT_EQ(ask("GET", "/v1/live", mine, "", {{"share", token}, {"topic", "view:b"}}).response.status, 200);
  EXPECT_EQ(principal_.project, "other") << "the link says whose views are told, whatever key comes with it";
  EXPECT_EQ(ask("GET", "/v1/live", mine, "", {{"share", token}, {"topic", "view:a"}}).response.status, 403);
  EXPECT_EQ(ask("DELETE", "/v1/dashboards/d1", theirs).response.status, 204);
  EXPECT_EQ(ask("GET", "/v1/dashboards/d1", mine).response.status, 200);
}

TEST_F(RouterTest, ThePageIsAnExactListOfPaths) {
  for (const char* path : {"/", "/explore", "/health", "/dashboards", "/dashboards/d1", "/d/token"}) {
    Answer answer = ask("GET", path);
    EXPECT_EQ(answer.response.status, 200) << path;
    EXPECT_EQ(answer.response.content_type, "text/html; charset=utf-8") << path;
  }
  for (const char* path :
       {"/explore/", "/index.html", "/assets", "/assets/", "/assets/../v1", "/dashboards/a/b", "/d/", "//"}) {
    EXPECT_EQ(ask("GET", path).response.status, 404) << path;
  }
  EXPECT_EQ(ask("POST", "/").response.status, 405);
}

TEST_F(RouterTest, EveryFileOfThePageIsGuardedTaggedAndPacked) {
  std::size_t packed = 0;
  for (const PageAsset& asset : page_assets()) {
    std::string path(asset.path);
    Answer plain = ask("GET", path);
    Answer gzip = ask("GET", path, {{"Accept-Encoding", "br;q=1.0, gzip;q=0.8, *;q=0"}});
    packed += gzip.response.body.size();
    EXPECT_EQ(plain.response.body, asset.plain) << path;
    EXPECT_EQ(plain.header("Content-Encoding"), "") << path;
    EXPECT_EQ(gzip.header("Content-Encoding"), asset.gzip.empty() ? "" : "gzip") << path;
    EXPECT_EQ(ask("GET", path, {{"Accept-Encoding", "gzip;q=0"}}).header("Content-Encoding"), "") << path;
    std::string policy = plain.header("Content-Security-Policy");
    for (const char* part : {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"}) {
      EXPECT_NE(policy.find(part), std::string::npos) << part;
    }
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(plain.header("X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(plain.header("ETag") == gzip.header("ETag"), asset.gzip.empty()) << "a tag is one of bytes";
    Answer again = ask("GET", path, {{"If-None-Match", "\"other\", " + plain.header("ETag")}});
    EXPECT_EQ(again.response.status, 304) << path;
    EXPECT_EQ(again.response.body, "");
    EXPECT_EQ(again.header("ETag"), plain.header("ETag"));
    EXPECT_EQ(ask("GET", path, {{"If-None-Match", "\"other\""}}).response.status, 200) << path;
  }
  EXPECT_GT(packed, 0u);
  EXPECT_LT(packed, 150u << 10);
}

}  // namespace
}  // namespace millrace
