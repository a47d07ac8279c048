#include "query/live/passes.h"

#include <set>

#include <gtest/gtest.h>

namespace millrace {
namespace {

http::Head head(const std::string& key, const std::string& share = {}, const std::string& topic = "tail") {
  http::Head made;
  made.method = "GET";
  made.path = "/v1/live";
  made.query = {{"topic", topic}};
  if (!share.empty()) {
    made.query.emplace_back("share", share);
  }
  made.headers = {{"authorization", key}};
  return made;
}

class PassesTest : public testing::Test {
 protected:
  std::set<std::string> good_{"a", "b"};
  int asked_ = 0;
  Passes passes_{[this](const http::Head& head) {
    ++asked_;
    return good_.contains(std::string(head.header("authorization")));
  }};
};

TEST_F(PassesTest, AllWhoCameByOneKeyHaveOnePassAndAreLookedAtOnce) {
  http::PassPtr one = passes_.of(head("a"));
  http::PassPtr same = passes_.of(head("a", {}, "health"));
  EXPECT_EQ(one, same);
  passes_.check();
  EXPECT_EQ(asked_, 1);
  EXPECT_FALSE(one->ended);
}

TEST_F(PassesTest, WhatIsGoodNoLongerEndsAndOthersStay) {
  http::PassPtr gone = passes_.of(head("a"));
  http::PassPtr stays = passes_.of(head("b"));
  good_.erase("a");
  passes_.check();
  EXPECT_TRUE(gone->ended);
  EXPECT_FALSE(stays->ended);
  good_.insert("a");
  EXPECT_FALSE(passes_.of(head("a"))->ended) << "who is let in anew has another";
}

TEST_F(PassesTest, ThoseThatNobodyHoldsAreForgotten) {
  passes_.of(head("a"));
  passes_.check();
  EXPECT_EQ(passes_.size(), 0U);
  EXPECT_EQ(asked_, 0);
}

TEST_F(PassesTest, ALinkIsOnePassForEachSetOfTopics) {
  EXPECT_EQ(passes_.of(head("a", "link")), passes_.of(head("b", "link"))) << "it is the link that lets in";
  http::PassPtr tail = passes_.of(head("a", "link"));
  EXPECT_NE(tail, passes_.of(head("a", "link", "health")));
}

}  // namespace
}  // namespace millrace
