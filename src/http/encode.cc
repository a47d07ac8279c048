#include "http/encode.h"

#include <zlib.h>

#include "base/check.h"

namespace millrace::http {
namespace {

constexpr int kLevel = 1;             // answers are packed while somebody waits
constexpr int kGzipWindow = 15 + 16;  // the largest window, with gzip's header

class ZlibEncoder final : public GzipEncoder {
 public:
  ZlibEncoder() { MR_CHECK(deflateInit2(&stream_, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK); }
  ~ZlibEncoder() override { deflateEnd(&stream_); }
  ZlibEncoder(const ZlibEncoder&) = delete;
  ZlibEncoder& operator=(const ZlibEncoder&) = delete;

  std::string add(std::string_view bytes) override { return run(bytes, Z_NO_FLUSH); }
  std::string finish() override { return run({}, Z_FINISH); }

 private:
  std::string run(std::string_view bytes, int flush) {
    std::string packed;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      char piece[16 << 10];
      stream_.next_out = reinterpret_cast<Bytef*>(piece);
      stream_.avail_out = sizeof piece;
      MR_CHECK(deflate(&stream_, flush) != Z_STREAM_ERROR);
      packed.append(piece, sizeof piece - stream_.avail_out);
    } while (stream_.avail_out == 0);
    return packed;
  }

  z_stream stream_{};
};

}  // namespace

std::unique_ptr<GzipEncoder> GzipEncoder::create() { return std::make_unique<ZlibEncoder>(); }

}  // namespace millrace::http
