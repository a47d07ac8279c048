#pragma once
// JSON numbers: their grammar, and what a store could make of them.

#include <string_view>

#include "model/event.h"

namespace millrace {

struct JsonNumber {
  std::string_view text;  // empty: not a number
  PropertyType type =
      PropertyType::kInteger;  // kDouble with fraction or exponent, or when it doesn't fit 64 bits, signed or unsigned
  bool in_range = true;        // a double can hold it
  bool rewrite = false;        // its canonical text is not its own: -0, or an integer beyond 64 bits
};

// The number at `at`. Reading stops at the first byte that isn't part of it; one byte behind it must be readable. What
// follows must be a blank, the end or one of ,]} or else text is empty.
JsonNumber scan_number(const char* at, const char* end);

}  // namespace millrace
