#include "http/decode.h"

#include <random>

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "http/server.h"

namespace millrace::http {
namespace {

std::string gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text, int window_log = 0) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (window_log > 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_outBuffer step{out.data(), out.size(), 0};
  // In two parts, so that the frame says no size and asks for its window.
  EXPECT_FALSE(ZSTD_isError(ZSTD_compressStream2(context, &step, &in, ZSTD_e_flush)));
  EXPECT_EQ(ZSTD_compressStream2(context, &step, &in, ZSTD_e_end), 0U);
  out.resize(step.pos);
  ZSTD_freeCCtx(context);
  return out;
}

std::string noise(std::size_t size) {
  std::mt19937 random(7);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 16);
  return text;
}

struct Packer {
  Encoding encoding;
  std::string (*pack)(std::string_view);
};

class Decode : public ::testing::TestWithParam<Packer> {
 protected:
  Result<void> unpack(std::string_view body, const DecodeLimits& limits = DecodeLimits()) {
    return decode(GetParam().encoding, body, limits, out_);
  }
  std::string pack(std::string_view text) { return GetParam().pack(text); }
  std::string out_ = "left from before";
};

TEST_P(Decode, BodyComesBackWithPaddingBehindIt) {
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{1000000}}) {
    std::string text = noise(size);
    ASSERT_TRUE(unpack(pack(text)).ok());
    EXPECT_EQ(out_, text);
    EXPECT_GE(out_.capacity(), text.size() + kBodyPaddingBytes);
  }
}

TEST_P(Decode, SeveralMembersAreOneBody) {
  ASSERT_TRUE(unpack(pack("one ") + pack("") + pack("two ") + pack(noise(100000))).ok());
  EXPECT_EQ(out_, "one two " + noise(100000));
}

TEST_P(Decode, CutOffBodyIsInvalidAtEveryByte) {
  std::string body = pack(noise(300));
  for (std::size_t size = 0; size < body.size(); ++size) {
    auto result = unpack(std::string_view(body).substr(0, size));
    ASSERT_FALSE(result.ok()) << size;
    EXPECT_EQ(result.error().code, Code::kInvalid) << size;
  }
  auto second = unpack(body + body.substr(0, 10));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::kInvalid);
}

TEST_P(Decode, OtherBytesAreInvalid) {
  for (const std::string& body :
       {std::string("{\"event\":\"x\"}"), pack("x") + "garbage behind", std::string(100, '\0')}) {
    auto result = unpack(body);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Code::kInvalid);
  }
}

TEST_P(Decode, BombStopsAtTheRatio) {
  std::string bomb = pack(std::string(32 << 20, 'a'));
  ASSERT_LT(bomb.size(), 100U << 10);
  auto result = unpack(bomb);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kFull);
  EXPECT_LT(out_.capacity(), 24U << 20) << "stopped early, not at the end";
}

TEST_P(Decode, BytesStopAtTheirLimit) {
  DecodeLimits limits;
  limits.bytes_max = 100000;
  std::string text = noise(limits.bytes_max);
  EXPECT_TRUE(unpack(pack(text), limits).ok());
  auto result = unpack(pack(text + "x"), limits);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kFull);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Decode,
                         ::testing::Values(Packer{Encoding::kGzip, gzip},
                                           Packer{Encoding::kZstd, [](std::string_view text) { return zstd(text); }}),
                         [](const auto& kind) { return kind.param.encoding == Encoding::kGzip ? "gzip" : "zstd"; });

TEST(DecodeZstd, LargeWindowIsRefused) {
  std::string out;
  auto result = decode(Encoding::kZstd, zstd(noise(100), 24), DecodeLimits(), out);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, Code::kFull);
  EXPECT_TRUE(decode(Encoding::kZstd, zstd(noise(100), 23), DecodeLimits(), out).ok());
}

TEST(DecodeZstd, FormatsOfBeforeItsFirstReleaseAreRefused) {
  std::string body = zstd("behind a frame that is whole");
  for (char version : {'\x22', '\x23', '\x24', '\x25', '\x26', '\x27'}) {
    // A frame of that version, which asks for a window of 128 MiB.
    std::string old({version, '\xb5', '\x2f', '\xfd', '\x00', '\x88', '\x00', '\x00'});
    std::string out;
    for (const std::string& sent : {old, body + old}) {
      EXPECT_EQ(decode(Encoding::kZstd, sent, {}, out).error().message, "the body is not zstd data");
    }
  }
}

TEST(DecodeIdentity, IsCopiedWithinTheLimit) {
  DecodeLimits limits;
  limits.bytes_max = 5;
  std::string out;
  ASSERT_TRUE(decode(Encoding::kIdentity, "hello", limits, out).ok());
  EXPECT_EQ(out, "hello");
  EXPECT_EQ(decode(Encoding::kIdentity, "hello!", limits, out).error().code, Code::kFull);
}

TEST(ParseEncoding, KnowsThreeNames) {
  EXPECT_EQ(parse_encoding(""), Encoding::kIdentity);
  EXPECT_EQ(parse_encoding("Identity"), Encoding::kIdentity);
  EXPECT_EQ(parse_encoding("GZIP"), Encoding::kGzip);
  EXPECT_EQ(parse_encoding("zstd"), Encoding::kZstd);
  EXPECT_EQ(parse_encoding("br"), std::nullopt);
  EXPECT_EQ(parse_encoding("gzip, gzip"), std::nullopt);
}

}  // namespace
}  // namespace millrace::http
