#include "query/shared_answers.h"

#include <gtest/gtest.h>

#include "query/fakes_for_test.h"

namespace millrace {
namespace {

using Claim = SharedAnswers::Claim;

AsOf stored_until(std::uint64_t end) {
  PartitionProgress partition;
  partition.stored_until = SequenceNumber(end);
  return {Generation(1), {partition}};
}

class SharedAnswersTest : public testing::Test {
 protected:
  Claim claim(SharedAnswers& shared, const std::string& key, std::uint64_t stored = 10, TimeNs now = 0) {
    exchange_ = client_.exchange();
    return shared.claim(key, stored_until(stored), std::nullopt, now, exchange_, kept_);
  }

  const Answer answer_{"head", "tail", true};
  FakeClient client_;
  std::unique_ptr<http::Exchange> exchange_;
  Answer kept_;
};

TEST_F(SharedAnswersTest, ThoseThatJoinComeBackWithTheAnswer) {
  SharedAnswers shared(10, 1000);
  EXPECT_EQ(claim(shared, "a"), Claim::kRun);
  EXPECT_NE(exchange_, nullptr);
  EXPECT_EQ(claim(shared, "a"), Claim::kJoined);
  EXPECT_EQ(exchange_, nullptr);
  EXPECT_EQ(claim(shared, "b"), Claim::kRun);
  EXPECT_EQ(shared.finish("a", &answer_, 0).size(), 1u);
  EXPECT_EQ(claim(shared, "a"), Claim::kKept);
  EXPECT_EQ(kept_.head, "head");
}

TEST_F(SharedAnswersTest, NoMoreJoinThanMayWait) {
  SharedAnswers shared(1, 1000);
  EXPECT_EQ(claim(shared, "a"), Claim::kRun);
  EXPECT_EQ(claim(shared, "a"), Claim::kJoined);
  EXPECT_EQ(claim(shared, "a"), Claim::kFull);
  EXPECT_EQ(shared.finish("a", nullptr, 0).size(), 1u);
  EXPECT_EQ(claim(shared, "a"), Claim::kRun);
  EXPECT_EQ(claim(shared, "a"), Claim::kJoined);
}

TEST_F(SharedAnswersTest, AnAnswerBeyondTheBytesIsNotKeptAndForgottenOnesMakeRoom) {
  SharedAnswers shared(10, 10);  // one answer with its key has 9
  for (const char* key : {"a", "b"}) {
    EXPECT_EQ(claim(shared, key), Claim::kRun);
    shared.finish(key, &answer_, 0);
  }
  EXPECT_EQ(claim(shared, "a"), Claim::kKept);
  EXPECT_EQ(claim(shared, "b"), Claim::kRun);
  shared.finish("b", nullptr, 0);
  EXPECT_EQ(claim(shared, "b", 10, 1'000'000'001), Claim::kRun);
  shared.finish("b", &answer_, 1'000'000'001);
  EXPECT_EQ(claim(shared, "b", 10, 1'000'000'001), Claim::kKept);
}

TEST_F(SharedAnswersTest, AnAnswerThatWasRenewedIsKeptFromThenOn) {
  SharedAnswers shared(10, 1000);
  EXPECT_EQ(claim(shared, "a", 10, 0), Claim::kRun);
  shared.finish("a", &answer_, 0);
  EXPECT_EQ(claim(shared, "a", 11, 900'000'000), Claim::kRun);
  shared.finish("a", &answer_, 900'000'000);
  EXPECT_EQ(claim(shared, "a", 11, 1'800'000'000), Claim::kKept);
  EXPECT_EQ(claim(shared, "a", 11, 1'900'000'001), Claim::kRun);
}

}  // namespace
}  // namespace millrace
