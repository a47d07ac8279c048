// Any text as a position: what is taken is digits, colons, commas and one slash, and is written again as the same
// place.
//
// bytes_max: 256
// covers: src/stream/progress.cc
#include <algorithm>

#include "base/check.h"
#include "stream/progress.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace millrace;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Result<Position> position = parse_position(text);
  if (!position.ok()) return 0;
  MR_CHECK(text.find_first_not_of("0123456789/:,") == std::string_view::npos &&
           std::count(text.begin(), text.end(), '/') == 1);
  std::string again = format_position(*position);
  MR_CHECK(again.size() <= text.size());  // leading zeros go
  Result<Position> same = parse_position(again);
  MR_CHECK(same.ok() && format_position(*same) == again);
  return 0;
}
