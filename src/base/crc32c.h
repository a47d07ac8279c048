#pragma once
// CRC-32C (Castagnoli), RFC 3720 section 12.1: the checksum of every record on disk. Uses the SSE4.2 instruction on
// three interleaved streams.

#include <cstdint>
#include <string_view>

namespace millrace {

// `seed` is the CRC of what came before, 0 at the start: crc32c(b, crc32c(a)) == crc32c(a + b).
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace millrace
