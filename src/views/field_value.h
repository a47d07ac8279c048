#pragma once
// What one event has in one field: as aggregates, dimensions and filters look at it.

#include <cstdint>
#include <string_view>

namespace millrace {

struct FieldValue {
  bool present = false;  // the event has it
  bool numeric = false;  // … and it is a number (times are, in milliseconds since 1970)
  double number = 0;
  std::string_view text;   // as a dimension shows it
  std::uint64_t hash = 0;  // of text, where a measure needs it
};

}  // namespace millrace
