// Packed bodies from anywhere: no crash, and never more out than is allowed.
#include "base/check.h"
#include "http/decode.h"
#include "http/server.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace::http;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  DecodeLimits limits;
  limits.bytes_max = 2 << 20;
  std::string out;
  for (Encoding encoding : {Encoding::kGzip, Encoding::kZstd}) {
    auto result = decode(encoding, bytes, limits, out);
    if (!result.ok()) continue;
    MR_CHECK(out.size() <= limits.bytes_max && out.capacity() >= out.size() + kBodyPaddingBytes);
  }
  return 0;
}
