#include "http/encode.h"

#include <gtest/gtest.h>

#include "http/decode.h"

namespace millrace::http {
namespace {

TEST(GzipEncoder, PiecesComeBackAsOneBody) {
  auto encoder = GzipEncoder::create();
  std::string text, packed;
  for (int i = 0; i < 5000; ++i) {
    std::string piece = "row " + std::to_string(i * 7919 % 1000) + "\n";
    text += piece;
    packed += encoder->add(piece);
  }
  packed += encoder->finish();
  EXPECT_LT(packed.size(), text.size());
  std::string unpacked;
  ASSERT_TRUE(decode(Encoding::kGzip, packed, {}, unpacked).ok());
  EXPECT_EQ(unpacked, text);
}

TEST(GzipEncoder, NothingIsAWholeMemberToo) {
  auto encoder = GzipEncoder::create();
  std::string packed = encoder->finish();
  std::string unpacked = "old";
  ASSERT_TRUE(decode(Encoding::kGzip, packed, {}, unpacked).ok());
  EXPECT_EQ(unpacked, "");
}

}  // namespace
}  // namespace millrace::http
