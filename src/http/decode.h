#pragma once
// Unpacks request bodies within bounds that are checked chunk by chunk: a small body can't become a large memory.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::http {

enum class Encoding { kIdentity, kGzip, kZstd };
std::optional<Encoding> parse_encoding(
    std::string_view header);  // "" and "identity" are kIdentity; nothing when unknown

struct DecodeLimits {
  std::size_t bytes_max = 64 << 20;
  std::size_t ratio_max = 100;       // bytes out per byte in,
  std::size_t ratio_from = 8 << 20;  // checked once so many bytes have come out
  std::size_t zstd_window_max = 8 << 20;
};

// Replaces `out` by the unpacked bytes, with kBodyPaddingBytes of capacity behind them. Several gzip members or zstd
// frames in a row are one body. kInvalid: not such data, or cut off. kFull: over a limit.
Result<void> decode(Encoding encoding, std::string_view body, const DecodeLimits& limits, std::string& out);

}  // namespace millrace::http
