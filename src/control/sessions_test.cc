#include "control/sessions.h"

#include <fstream>

#include <gtest/gtest.h>

#include "base/time_format.h"
#include "io/test_folder.h"

namespace millrace {
namespace {

constexpr TimeNs kOpened = 1'700'000'000'000'000'000;

class SessionsTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    sessions_.reset();
    log_.reset();
    keys_.reset();
    keys_ = std::move(KeyStore::open(posix_file_system(), clock_, folder_.path())).value();
    log_ = std::move(ControlLog::open(posix_file_system(), folder_.path())).value();
    sessions_ = std::make_unique<Sessions>(*log_, *keys_, clock_, 60);
  }
  std::string key(TimeNs expires = kNoTime) { return keys_->create("reader", "default", kScopeRead, expires)->info.id; }

  TestFolder folder_;
  ManualClock clock_{kOpened};
  std::unique_ptr<KeyStore> keys_;
  std::unique_ptr<ControlLog> log_;
  std::unique_ptr<Sessions> sessions_;
};

TEST_F(SessionsTest, ASessionStandsForItsKeyAlsoAfterARestart) {
  std::string id = key();
  std::string token = *sessions_->open(id);
  ASSERT_TRUE(sessions_->check(token));
  EXPECT_EQ(sessions_->check(token)->key_id, id);
  reopen();
  ASSERT_TRUE(sessions_->check(token));
  EXPECT_EQ(sessions_->check(token)->scopes, kScopeRead);
  EXPECT_FALSE(sessions_->check(token + "x"));
  EXPECT_FALSE(sessions_->check(""));
}

TEST_F(SessionsTest, TheTokenIsNotInTheFile) {
  std::string token = *sessions_->open(key());
  std::ifstream file(folder_.path() + "/control.log", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(bytes.find(token.substr(3)), std::string::npos);
}

TEST_F(SessionsTest, ASessionEndsAfterItsTimeAlsoAcrossARestart) {
  std::string token = *sessions_->open(key());
  clock_.advance(59 * kSecond);
  EXPECT_TRUE(sessions_->check(token));
  clock_.advance(kSecond);
  EXPECT_FALSE(sessions_->check(token));
  reopen();
  EXPECT_FALSE(sessions_->check(token));
}

TEST_F(SessionsTest, ASessionEndsWithItsKey) {
  std::string revoked = key();
  std::string of_revoked = *sessions_->open(revoked);
  std::string of_expiring = *sessions_->open(key(kOpened + 5 * kSecond));
  ASSERT_TRUE(keys_->revoke(revoked).ok());
  EXPECT_FALSE(sessions_->check(of_revoked));
  EXPECT_TRUE(sessions_->check(of_expiring));
  clock_.advance(5 * kSecond);
  EXPECT_FALSE(sessions_->check(of_expiring));
}

TEST_F(SessionsTest, AClosedSessionIsOverForGood) {
  std::string token = *sessions_->open(key());
  std::string other = *sessions_->open(key());
  ASSERT_TRUE(sessions_->close(token).ok());
  EXPECT_TRUE(sessions_->close(token).ok());
  EXPECT_FALSE(sessions_->check(token));
  reopen();
  EXPECT_FALSE(sessions_->check(token));
  EXPECT_TRUE(sessions_->check(other));
}

TEST_F(SessionsTest, OneKeyCannotFillTheLogAndOthersStay) {
  std::string id = key();
  std::string of_other = *sessions_->open(key());
  std::string first = *sessions_->open(id);
  std::string last;
  for (std::size_t i = 0; i < kSessionsPerKeyMax; ++i) {
    clock_.advance(1);
    last = *sessions_->open(id);
  }
  EXPECT_FALSE(sessions_->check(first)) << "the oldest goes";
  EXPECT_TRUE(sessions_->check(last));
  EXPECT_TRUE(sessions_->check(of_other));
  EXPECT_EQ(log_->all("session").size(), kSessionsPerKeyMax + 1);
  clock_.advance(100 * kSecond);
  ASSERT_TRUE(sessions_->open(id).ok());
  EXPECT_EQ(log_->all("session").size(), 1u) << "what has expired is taken out";
}

}  // namespace
}  // namespace millrace
