#include "http/chunks.h"

#include <string>

#include <gtest/gtest.h>

#include "http/wire.h"

namespace millrace::http {
namespace {

enum class End { kDone, kBad, kMore };

// Feeds `bytes` in pieces of `size`, as a connection does: what isn't consumed comes again, with more behind it.
End run(std::string_view bytes, std::size_t size, std::string& body, std::size_t& consumed) {
  ChunkDecoder decoder;
  body.clear();
  consumed = 0;
  for (std::size_t arrived = 0; arrived < bytes.size();) {
    arrived = std::min(bytes.size(), arrived + size);
    while (true) {
      ChunkDecoder::Step step = decoder.step(bytes.substr(consumed, arrived - consumed));
      body.append(step.data);
      consumed += step.consumed;
      if (decoder.done()) return End::kDone;
      if (decoder.bad()) return End::kBad;
      if (step.data.empty()) break;
    }
  }
  return End::kMore;
}

End run(std::string_view bytes) {
  std::string body;
  std::size_t consumed = 0;
  End end = run(bytes, bytes.size(), body, consumed);
  for (std::size_t size : {1U, 2U, 3U, 7U}) {
    std::string again;
    EXPECT_EQ(run(bytes, size, again, consumed), end) << bytes;
    if (end != End::kBad) {
      EXPECT_EQ(again, body);
    }
  }
  return end;
}

TEST(ChunkDecoder, PutsTheBodyTogetherAndStopsBehindIt) {
  std::string bytes = "4\r\nWiki\r\n00B;ext=\"v\"\r\npedia in ch.\r\n0\r\nTrailer: x\r\n\r\nGET";
  bytes.replace(bytes.find("00B"), 3, "00C");
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    std::string body;
    std::size_t consumed = 0;
    ASSERT_EQ(run(bytes, size, body, consumed), End::kDone);
    EXPECT_EQ(body, "Wikipedia in ch.");
    EXPECT_EQ(consumed, bytes.size() - 3);
  }
}

TEST(ChunkDecoder, CutOffBodyIsNeverDone) {
  std::string bytes = "3\r\nabc\r\n0\r\nA: b\r\n\r\n";
  for (std::size_t size = 1; size < bytes.size(); ++size) EXPECT_EQ(run(bytes.substr(0, size)), End::kMore) << size;
}

TEST(ChunkDecoder, MalformedChunksAreBad) {
  for (const char* bytes :
       {"3\nabc\r\n0\r\n\r\n", "\r\n", "x\r\n", "-1\r\n", "+1\r\na\r\n", "0x3\r\nabc\r\n", " 3\r\nabc\r\n",
        "3 \r\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n", "3\r\nabc\rX", "1000000000000000\r\n", "3;a\x01\r\nabc\r\n",
        "3;a\rb\r\nabc\r\n", "0\r\nno colon\r\n\r\n", "0\r\n: x\r\n\r\n", "0\r\n folded: x\r\n\r\n", "0\r\n\n"}) {
    EXPECT_EQ(run(bytes), End::kBad) << bytes;
  }
}

TEST(ChunkDecoder, ExtensionsAreNamesThatMayHaveValues) {
  for (const char* good : {";a", ";a=b", "; a = b ;c", ";a=\"b;\\\"c\"", ";a=\"\";b"}) {
    EXPECT_EQ(run("1" + std::string(good) + "\r\nx\r\n0\r\n\r\n"), End::kDone) << good;
  }
  for (const char* bad :
       {";", ";;a", ";a=", ";a=;b", ";=b", ";a b", ";a=\"b", ";a=\"b\\\"", ";a=\"b\"c", ";a ", " ;a"}) {
    EXPECT_EQ(run("1" + std::string(bad) + "\r\nx\r\n0\r\n\r\n"), End::kBad) << bad;
  }
}

TEST(ChunkDecoder, LinesAndTrailersAreBounded) {
  EXPECT_EQ(run("3;" + std::string(2000, 'x')), End::kBad);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 1000; ++i) trailers += "Header: value\r\n";
  EXPECT_EQ(run(trailers + "\r\n"), End::kBad);
}

TEST(BodyPace, BytesEarnTimeAndStallsSpendIt) {
  Limits limits;
  BodyPace pace;
  pace.start(limits);
  EXPECT_EQ(pace.credit_ms(), 5000);
  pace.received(1024, 4000, limits);  // one second's worth
  EXPECT_EQ(pace.credit_ms(), 2000);
  pace.received(100, 1500, limits);
  EXPECT_EQ(pace.credit_ms(), 597);
  pace.received(1 << 20, 0, limits);
  EXPECT_EQ(pace.credit_ms(), 5000) << "a fast start doesn't pay for an endless stall";
  pace.received(0, 6000, limits);
  EXPECT_EQ(pace.credit_ms(), 0);
}

}  // namespace
}  // namespace millrace::http
