#include "base/crc32c.h"

#include <array>
#include <cstring>

#include <nmmintrin.h>

namespace millrace {
namespace {

// The CRC of a string followed by kStreamBytes zeros is a linear function of the CRC: four tables, one a byte of it.
constexpr std::size_t kStreamBytes = 1024;
constexpr std::uint32_t kPolynomial = 0x82F63B78;  // reversed

using Shift = std::array<std::array<std::uint32_t, 256>, 4>;

// Appending one zero byte to the message of `crc`.
constexpr std::uint32_t append_zero_byte(std::uint32_t crc) {
  for (int bit = 0; bit < 8; ++bit) {
    crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
  }
  return crc;
}

Shift make_shift() {
  // The image of each single bit after kStreamBytes zero bytes; everything else is their sum.
  std::array<std::uint32_t, 32> image{};
  for (int bit = 0; bit < 32; ++bit) {
    std::uint32_t crc = std::uint32_t{1} << bit;
    for (std::size_t i = 0; i < kStreamBytes; ++i) {
      crc = append_zero_byte(crc);
    }
    image[static_cast<std::size_t>(bit)] = crc;
  }
  Shift shift{};
  for (std::size_t byte = 0; byte < 4; ++byte) {
    for (std::size_t value = 0; value < 256; ++value) {
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if ((value >> bit & 1) != 0) {
          shift[byte][value] ^= image[byte * 8 + bit];
        }
      }
    }
  }
  return shift;
}

std::uint32_t apply(const Shift& shift, std::uint32_t crc) {
  return shift[0][crc & 0xff] ^ shift[1][crc >> 8 & 0xff] ^ shift[2][crc >> 16 & 0xff] ^ shift[3][crc >> 24];
}

std::uint64_t load8(const char* from) {
  std::uint64_t number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed) {
  static const Shift kShift = make_shift();
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t crc = ~seed;

  // Three streams at once: the instruction takes three cycles but one can start each cycle.
  while (left >= 3 * kStreamBytes) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < kStreamBytes; i += 8) {
      crc = _mm_crc32_u64(crc, load8(at + i));
      second = _mm_crc32_u64(second, load8(at + kStreamBytes + i));
      third = _mm_crc32_u64(third, load8(at + 2 * kStreamBytes + i));
    }
    crc = apply(kShift, static_cast<std::uint32_t>(crc)) ^ second;
    crc = apply(kShift, static_cast<std::uint32_t>(crc)) ^ third;
    at += 3 * kStreamBytes;
    left -= 3 * kStreamBytes;
  }
  for (; left >= 8; at += 8, left -= 8) {
    crc = _mm_crc32_u64(crc, load8(at));
  }
  for (; left > 0; ++at, --left) {
    crc = _mm_crc32_u8(static_cast<std::uint32_t>(crc), static_cast<unsigned char>(*at));
  }
  return ~static_cast<std::uint32_t>(crc);
}

}  // namespace millrace
