#pragma once
// Decimal numbers as text, eight digits at a time.

#include <bit>
#include <cstdint>

#include "base/bytes.h"

namespace millrace {

inline constexpr std::size_t kDecimalBytesMax = 20;  // digits of a number, or digits and sign
inline constexpr std::size_t kDecimalRoom = 32;      // what put_decimal() may write to, past the digits too

namespace decimal {

// The eight digits of a number below 10^8, each a byte, the first one lowest: 0x0807060504030201 for 12345678.
inline std::uint64_t eight_digits(std::uint64_t number) {
  std::uint64_t fours = number / 10'000 | (number % 10'000) << 32;
  std::uint64_t hundreds = ((fours * 10'486) >> 20) & 0x0000'007f'0000'007f;  // of each four, divided by 100
  std::uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  std::uint64_t tens = ((twos * 103) >> 10) & 0x000f'000f'000f'000f;  // of each two, divided by 10
  return tens | (twos - tens * 10) << 8;
}

inline constexpr std::uint64_t kZeros = 0x3030'3030'3030'3030;

inline char* put_eight(char* to, std::uint64_t number) {
  store_le(to, eight_digits(number) | kZeros);
  return to + 8;
}

// Without zeros in front.
inline char* put_up_to_eight(char* to, std::uint64_t number) {
  std::uint64_t digits = eight_digits(number);
  int zeros = std::countr_zero(digits | std::uint64_t{1} << 56) / 8;  // 7 for the number 0
  store_le(to, (digits | kZeros) >> zeros * 8);
  return to + 8 - zeros;
}

}  // namespace decimal

// Writes the digits of `number` and returns one past them. `to` has room for kDecimalRoom bytes.
inline char* put_decimal(char* to, std::uint64_t number) {
  constexpr std::uint64_t kEight = 100'000'000;
  if (number < kEight) {
    return decimal::put_up_to_eight(to, number);
  }
  std::uint64_t high = number / kEight;
  if (high < kEight) {
    to = decimal::put_up_to_eight(to, high);
  } else {
    to = decimal::put_up_to_eight(to, high / kEight);
    to = decimal::put_eight(to, high % kEight);
  }
  return decimal::put_eight(to, number % kEight);
}

inline char* put_decimal(char* to, std::int64_t number) {
  if (number >= 0) {
    return put_decimal(to, static_cast<std::uint64_t>(number));
  }
  *to++ = '-';
  return put_decimal(to, ~static_cast<std::uint64_t>(number) + 1);
}

}  // namespace millrace
