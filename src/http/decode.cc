#include "http/decode.h"

#include <algorithm>
#include <memory>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "http/server.h"
#include "http/syntax.h"

namespace millrace::http {
namespace {

constexpr std::size_t kStepBytes = 64 << 10;

// `out` with the bounds that every step is held to.
class Bounded {
 public:
  Bounded(std::size_t bytes_in, const DecodeLimits& limits, std::string& out)
      : bytes_in_(bytes_in), limits_(limits), out_(out) {
    out_.clear();
  }

  // Where the next step goes.
  char* space() {
    out_.resize(used_ + kStepBytes + kBodyPaddingBytes);
    return out_.data() + used_;
  }
  Result<void> add(std::size_t bytes) {
    used_ += bytes;
    if (used_ > limits_.bytes_max)
      return full("the body unpacks to more than " + std::to_string(limits_.bytes_max) + " bytes");
    if (used_ > limits_.ratio_from && used_ / limits_.ratio_max > bytes_in_) {
      return full("the body unpacks to more than " + std::to_string(limits_.ratio_max) + " times its size");
    }
    return {};
  }
  void finish() {
    out_.resize(used_ + kBodyPaddingBytes);  // so that the bytes behind the body are there, and zero
    std::fill(out_.begin() + static_cast<std::ptrdiff_t>(used_), out_.end(), '\0');
    out_.resize(used_);
  }

 private:
  const std::size_t bytes_in_;
  const DecodeLimits& limits_;
  std::string& out_;
  std::size_t used_ = 0;
};

struct InflateEnd {
  void operator()(z_stream* stream) const { ::inflateEnd(stream); }
};

// One step of one member; `ended` when that was its last.
Result<void> inflate_step(z_stream& stream, Bounded& out, bool& ended) {
  stream.next_out = reinterpret_cast<Bytef*>(out.space());
  stream.avail_out = kStepBytes;
  int status = ::inflate(&stream, Z_NO_FLUSH);
  if (status == Z_MEM_ERROR) return unavailable("no memory to unpack the body");
  if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) return invalid("the body is not gzip data");
  ended = status == Z_STREAM_END;
  if (!ended && stream.avail_in == 0 && stream.avail_out > 0) return invalid("the gzip body is cut off");
  return out.add(kStepBytes - stream.avail_out);
}

Result<void> gunzip(std::string_view body, Bounded& out) {
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  z_stream stream{};
  if (::inflateInit2(&stream, kGzipOnly) != Z_OK) return unavailable("no memory to unpack the body");
  std::unique_ptr<z_stream, InflateEnd> owner(&stream);
  std::size_t taken = 0;
  do {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data() + taken));
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(body.size() - taken, 1U << 30));
    uInt given = stream.avail_in;
    bool ended = false;
    while (!ended) MR_TRY(inflate_step(stream, out, ended));
    taken += given - stream.avail_in;
    if (::inflateReset(&stream) != Z_OK) return unavailable("the next gzip member could not be begun");
  } while (taken < body.size());
  return {};
}

struct ZstdFree {
  void operator()(ZSTD_DCtx* context) const { ::ZSTD_freeDCtx(context); }
};

int log2_of(std::size_t bytes) {
  int log = 10;  // the smallest window there is
  while (log < 31 && (std::size_t{1} << (log + 1)) <= bytes) ++log;
  return log;
}

Error zstd_error(std::size_t code) {
  switch (::ZSTD_getErrorCode(code)) {
    case ZSTD_error_frameParameter_windowTooLarge:
      return full(
          "the zstd body asks for a larger window than is allowed; compress it at a lower level or without --long");
    case ZSTD_error_memory_allocation:
      return unavailable("no memory to unpack the body");
    default:
      return invalid("the body is not zstd data");
  }
}

// The library may have been built to read the formats before zstd 0.8, too (of another magic number each), and then
// takes what memory such a frame asks for, whatever the limit of the window says.
bool begins_a_frame(std::string_view body) {
  if (body.size() < sizeof(std::uint32_t)) return true;  // cut off: the library says so
  auto magic = load_le<std::uint32_t>(body.data());
  return magic == ZSTD_MAGICNUMBER || (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

Result<void> unzstd(std::string_view body, const DecodeLimits& limits, Bounded& out) {
  std::unique_ptr<ZSTD_DCtx, ZstdFree> context(::ZSTD_createDCtx());
  if (!context) return unavailable("no memory to unpack the body");
  ::ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, log2_of(limits.zstd_window_max));
  ZSTD_inBuffer in{body.data(), body.size(), 0};
  std::size_t expected = 1;  // 0 once a frame is whole and given out
  bool full_step = false;
  while (in.pos < in.size || full_step) {
    bool at_frame = in.pos == 0 || expected == 0;
    if (at_frame && !begins_a_frame(body.substr(in.pos))) return invalid("the body is not zstd data");
    ZSTD_outBuffer step{out.space(), kStepBytes, 0};
    expected = ::ZSTD_decompressStream(context.get(), &step, &in);
    if (::ZSTD_isError(expected)) return zstd_error(expected);
    MR_TRY(out.add(step.pos));
    full_step = step.pos == step.size && expected != 0;
  }
  if (expected != 0) return invalid("the zstd body is cut off");
  return {};
}

}  // namespace

std::optional<Encoding> parse_encoding(std::string_view header) {
  if (header.empty() || equal_without_case(header, "identity")) return Encoding::kIdentity;
  if (equal_without_case(header, "gzip") || equal_without_case(header, "x-gzip")) return Encoding::kGzip;
  if (equal_without_case(header, "zstd")) return Encoding::kZstd;
  return std::nullopt;
}

Result<void> decode(Encoding encoding, std::string_view body, const DecodeLimits& limits, std::string& out) {
  if (encoding == Encoding::kIdentity && body.size() > limits.bytes_max) {
    return full("the body has more than " + std::to_string(limits.bytes_max) + " bytes");
  }
  Bounded bounded(body.size(), limits, out);
  switch (encoding) {
    case Encoding::kGzip:
      MR_TRY(gunzip(body, bounded));
      bounded.finish();
      return {};
    case Encoding::kZstd:
      MR_TRY(unzstd(body, limits, bounded));
      bounded.finish();
      return {};
    case Encoding::kIdentity:
      out.reserve(body.size() + kBodyPaddingBytes);
      out.append(body).append(kBodyPaddingBytes, '\0');
      out.resize(body.size());
      return {};
  }
  return {};
}

}  // namespace millrace::http
