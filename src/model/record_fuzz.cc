// Any bytes may be given to RecordCursor, and what it gives may be walked and written again to the same bytes.
//
// bytes_max: 1024
// covers: src/model/record.cc src/model/property_index.h
#include <cstdint>

#include "base/check.h"
#include "model/property_index.h"
#include "model/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  std::string_view payload(reinterpret_cast<const char*>(data), size);
  RecordCursor cursor(payload, 42);
  std::string again;
  bool begun = false;
  while (cursor.next()) {
    if (!begun) {
      begin_record(again, cursor.event().project);
      begun = true;
    }
    append_event(again, cursor.event());
    PropertyCursor properties(cursor.event().properties, cursor.event().property_index);
    while (properties.next()) {
      MR_CHECK(properties.property().key.size() <= cursor.event().properties.size());
    }
  }
  MR_CHECK(payload.substr(0, again.size()) == again);
  if (begun && cursor.status().ok()) {
    MR_CHECK(again.size() == payload.size());
  }
  return 0;
}
