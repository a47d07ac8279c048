#include "control/dashboards.h"

#include <gtest/gtest.h>

#include "io/test_folder.h"

namespace millrace {
namespace {

constexpr char kSales[] =
    R"({"name":"Sales","panels":[{"title":"Orders","kind":"line","topic":"query:{\"range\":\"1h\"};refresh=5s","width":2},)"
    R"({"title":"","kind":"tail","topic":"tail"}]})";

class DashboardsTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    dashboards_.reset();
    log_.reset();
    log_ = std::move(ControlLog::open(posix_file_system(), folder_.path())).value();
    dashboards_ = std::make_unique<Dashboards>(*log_, clock_);
  }
  Dashboard sales(const std::string& id, const std::string& project = "default") {
    Dashboard dashboard = *read_dashboard(*Json::parse(kSales));
    dashboard.id = id;
    dashboard.project = project;
    return dashboard;
  }

  TestFolder folder_;
  ManualClock clock_{1'700'000'000'000'000'000};
  std::unique_ptr<ControlLog> log_;
  std::unique_ptr<Dashboards> dashboards_;
};

TEST_F(DashboardsTest, ASavedDashboardComesBackAfterARestart) {
  EXPECT_TRUE(dashboards_->save(sales("d1"))->made);
  EXPECT_FALSE(dashboards_->save(sales("d1"))->made);
  reopen();
  std::optional<Dashboard> found = dashboards_->find("default", "d1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, "d1");
  EXPECT_EQ(found->name, "Sales");
  EXPECT_EQ(found->updated, clock_.wall());
  ASSERT_EQ(found->panels.size(), 2u);
  EXPECT_EQ(found->panels[0].topic, R"(query:{"range":"1h"};refresh=5s)");
  EXPECT_EQ(found->panels[0].width, 2);
  EXPECT_EQ(found->panels[1].kind, "tail");
  ASSERT_TRUE(dashboards_->remove("default", "d1").ok());
  EXPECT_EQ(dashboards_->remove("default", "d1").error().code, Code::kNotFound);
  reopen();
  EXPECT_FALSE(dashboards_->find("default", "d1"));
}

TEST_F(DashboardsTest, ProjectsDoNotSeeEachOther) {
  ASSERT_TRUE(dashboards_->save(sales("d1", "one")).ok());
  ASSERT_TRUE(dashboards_->save(sales("d1", "two")).ok());
  ASSERT_TRUE(dashboards_->remove("one", "d1").ok());
  EXPECT_TRUE(dashboards_->list("one").empty());
  EXPECT_EQ(dashboards_->list("two").size(), 1u);
  EXPECT_FALSE(dashboards_->share("one", "d1").ok());
}

TEST_F(DashboardsTest, ALinkLastsUntilItIsWithdrawn) {
  ASSERT_TRUE(dashboards_->save(sales("d1")).ok());
  std::string token = *dashboards_->share("default", "d1");
  EXPECT_EQ(*dashboards_->share("default", "d1"), token) << "a dashboard has one link";
  ASSERT_TRUE(dashboards_->save(sales("d1")).ok());
  EXPECT_TRUE(dashboards_->shared(token)) << "saving again leaves it";
  reopen();
  ASSERT_TRUE(dashboards_->shared(token));
  EXPECT_EQ(dashboards_->shared(token)->id, "d1");
  EXPECT_FALSE(dashboards_->shared(token.substr(1)));
  ASSERT_TRUE(dashboards_->unshare("default", "d1").ok());
  EXPECT_FALSE(dashboards_->shared(token));
  EXPECT_NE(*dashboards_->share("default", "d1"), token) << "a new link is a new one";
  reopen();
  EXPECT_FALSE(dashboards_->shared(token));
}

TEST_F(DashboardsTest, ARemovedDashboardTakesItsLinkAlong) {
  ASSERT_TRUE(dashboards_->save(sales("d1")).ok());
  std::string token = *dashboards_->share("default", "d1");
  ASSERT_TRUE(dashboards_->remove("default", "d1").ok());
  EXPECT_FALSE(dashboards_->shared(token));
}

TEST_F(DashboardsTest, WhatIsNoDashboardIsRefusedWithTheReason) {
  for (const char* bad :
       {R"([])", R"({"name":"x","extra":1})", R"({"name":""})", R"({"panels":[]})", R"({"name":"x","panels":{}})",
        R"({"name":"x","panels":[1]})", R"({"name":"x","panels":[{"kind":"pie","topic":"tail"}]})",
        R"({"name":"x","panels":[{"kind":"line","topic":"health"}]})", R"({"name":"x","panels":[{"kind":"line"}]})",
        R"({"name":"x","panels":[{"kind":"line","topic":"tail","width":5}]})",
        R"({"name":"x","panels":[{"kind":"line","topic":"tail","compare":1}]})"}) {
    EXPECT_EQ(read_dashboard(*Json::parse(bad)).error().code, Code::kInvalid) << bad;
  }
  for (const char* id : {"", "a b", "a/b", "..", "ä"}) {
    EXPECT_EQ(dashboards_->save(sales(id)).error().code, Code::kInvalid) << id;
  }
}

TEST_F(DashboardsTest, TheirNumberIsBounded) {
  for (std::size_t i = 0; i < kDashboardsMax; ++i) {
    ASSERT_TRUE(dashboards_->save(sales("d" + std::to_string(i))).ok());
  }
  EXPECT_EQ(dashboards_->save(sales("more")).error().code, Code::kFull);
  EXPECT_TRUE(dashboards_->save(sales("d7")).ok()) << "one that is there can still be changed";
}

}  // namespace
}  // namespace millrace
