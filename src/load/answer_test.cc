#include "load/answer.h"

#include <string>

#include <gtest/gtest.h>

namespace millrace::load {
namespace {

const std::string kAnswer =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 67\r\n\r\n"
    R"({"accepted":99,"rejected":[{"index":3}],"rejected_count":1,"x":"y"})";

TEST(Answer, IsReadWholeAndNotBefore) {
  for (std::size_t size = 0; size < kAnswer.size(); ++size) {
    ASSERT_EQ(read_answer(std::string_view(kAnswer).substr(0, size)).state, Answer::State::kMore) << size;
  }
  const std::string followed = kAnswer + "HTTP/1.1";  // must live as long as what was read of it
  Answer answer = read_answer(followed);
  EXPECT_EQ(answer.state, Answer::State::kWhole);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.bytes, kAnswer.size());
  EXPECT_FALSE(answer.close);
  EXPECT_EQ(number_after(answer.body, "accepted"), 99);
  EXPECT_EQ(number_after(answer.body, "rejected"), 0) << "a list is no number";
  EXPECT_EQ(number_after(answer.body, "rejected_count"), 1);
  EXPECT_EQ(number_after(answer.body, "position"), 0);
}

TEST(Answer, ConnectionThatWillBeClosedIsKnown) {
  EXPECT_TRUE(read_answer("HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").close);
}

TEST(Answer, WhatIsNotHttpIsStrange) {
  EXPECT_EQ(read_answer("SSH-2.0 hello\r\n\r\n").state, Answer::State::kStrange);
  EXPECT_EQ(read_answer("HTTP/1.1 200 OK\r\n\r\nwithout a length").state, Answer::State::kStrange);
  EXPECT_EQ(read_answer(std::string(20'000, 'x')).state, Answer::State::kStrange);
}

}  // namespace
}  // namespace millrace::load
