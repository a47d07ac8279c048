// Packed bodies from anywhere: what comes out is what the libraries give when they are asked for all at once, and
// never, at any moment, is more memory taken than the limits allow.
//
// The input: a byte that picks the limits and the encoding, then the body.
//
// bytes_max: 4096
// covers: src/http/decode.cc
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include <zlib.h>
#include <zstd.h>

#include "base/check.h"
#include "http/decode.h"
#include "http/server.h"

// Where the fuzz targets are built. GCC brings the sanitizer, but not this header of it.
#if defined(__has_feature) && __has_include(<sanitizer/allocator_interface.h>)
#if __has_feature(address_sanitizer)
#define MR_COUNTS_MEMORY 1
#endif
#endif
#ifdef MR_COUNTS_MEMORY
#include <sanitizer/allocator_interface.h>
#endif

namespace {

using namespace millrace::http;

// The most memory that was in use at once since start(), beyond what was in use then.
class MemoryPeak {
 public:
#ifdef MR_COUNTS_MEMORY
  static void start() {
    static const bool hooked =
        __sanitizer_install_malloc_and_free_hooks(
            [](const volatile void*, std::size_t bytes) { add(static_cast<std::ptrdiff_t>(bytes)); },
            [](const volatile void* block) {
              if (on_ && block != nullptr)
                add(-static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(const_cast<const void*>(block))));
            }) > 0;
    MR_CHECK(hooked);
    used_ = peak_ = 0, on_ = true;
  }
  static std::size_t stop() { return on_ = false, static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, peak_)); }

 private:
  static void add(std::ptrdiff_t bytes) {
    if (on_) peak_ = std::max(peak_, used_ += bytes);
  }
  static inline bool on_ = false;
  static inline std::ptrdiff_t used_ = 0, peak_ = 0;
#else
  static void start() {}
  static std::size_t stop() { return 0; }
#endif
};

constexpr std::size_t kRoomMax = 24 << 10;
std::vector<char>& space() {
  static std::vector<char> bytes(kRoomMax + 1);
  return bytes;
}

// All members or frames one after the other, by the libraries' plainest means; false when it isn't such data or gives
// more than `room`.
bool plain_gzip(std::string_view body, std::size_t room, std::string& out) {
  out.clear();
  while (true) {
    z_stream stream{};
    MR_CHECK(::inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    stream.avail_in = static_cast<uInt>(body.size());
    stream.next_out = reinterpret_cast<Bytef*>(space().data());
    stream.avail_out = static_cast<uInt>(room + 1);
    int status = ::inflate(&stream, Z_FINISH);
    out.append(space().data(), room + 1 - stream.avail_out);
    body.remove_prefix(body.size() - stream.avail_in);
    ::inflateEnd(&stream);
    if (status != Z_STREAM_END || out.size() > room) return false;
    if (body.empty()) return true;
  }
}

// Any frame of a format before zstd 0.8, which the library may know and decode() doesn't take.
bool has_old_frame(std::string_view body) {
  while (body.size() >= 4) {
    std::uint32_t magic = 0;
    std::memcpy(&magic, body.data(), sizeof magic);
    if (magic >= 0xfd2fb522 && magic < ZSTD_MAGICNUMBER) return true;
    std::size_t bytes = ::ZSTD_findFrameCompressedSize(body.data(), body.size());
    if (::ZSTD_isError(bytes)) return false;
    body.remove_prefix(bytes);
  }
  return false;
}

bool plain_zstd(std::string_view body, std::size_t room, std::string& out) {
  if (has_old_frame(body)) return false;
  std::size_t bytes = ::ZSTD_decompress(space().data(), room + 1, body.data(), body.size());
  if (::ZSTD_isError(bytes) || bytes > room) return false;
  out.assign(space().data(), bytes);
  return true;
}

void check(Encoding encoding, std::string_view body, const DecodeLimits& limits) {
  std::string out;
  MemoryPeak::start();
  auto result = decode(encoding, body, limits, out);
  std::size_t peak = MemoryPeak::stop();
  // The text twice while it grows (a string grows by doubling, and holds the old one meanwhile), the window, and what
  // the libraries need.
  MR_CHECK(peak <= 3 * (limits.bytes_max + (128 << 10)) + limits.zstd_window_max + (1 << 20));
  std::string plain;
  bool good = encoding == Encoding::kGzip ? plain_gzip(body, limits.bytes_max, plain)
                                          : plain_zstd(body, limits.bytes_max, plain);
  if (result.ok()) {
    MR_CHECK(out.size() <= limits.bytes_max && out.capacity() >= out.size() + kBodyPaddingBytes);
    MR_CHECK(out.size() <= limits.ratio_from || out.size() / limits.ratio_max <= body.size());
    MR_CHECK(good && out == plain);
  } else if (good) {
    bool stated = result.error().code == millrace::Code::kFull;  // the ratio, the window
    MR_CHECK(stated || body.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view body(reinterpret_cast<const char*>(data + 1), size - 1);
  DecodeLimits limits;
  limits.bytes_max = (data[0] & 0x31) == 0x31 ? kRoomMax : 8 << 10;
  limits.ratio_from = 16 << 10;
  limits.ratio_max = (data[0] & 2) != 0 ? 100 : 1000;
  limits.zstd_window_max = (data[0] & 4) != 0 ? 128 << 10 : 16 << 10;
  check((data[0] & 8) != 0 ? Encoding::kZstd : Encoding::kGzip, body, limits);
  return 0;
}
