// Any text may be given to EventJsonReader. What it takes makes a record, and what is written from that is read again
// as the same.
//
// bytes_max: 1024
// covers: src/model/event_json.cc
#include <cstdint>

#include "base/check.h"
#include "base/utf8.h"
#include "model/event_json.h"
#include "model/property_index.h"
#include "model/record.h"

namespace millrace {
namespace {

std::string record_of(const EventView& event) {
  std::string record;
  begin_record(record, "p");
  append_event(record, event);
  return record;
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  EventJsonReader reader;
  if (!reader.read(text)) {
    return 0;
  }
  const EventView& event = reader.event();
  std::string record = record_of(event);
  PropertyCursor properties(event.properties, event.property_index);
  while (properties.next()) {
    MR_CHECK(!properties.property().value.empty());
  }
  MR_CHECK(properties.valid());
  std::string again;
  append_event_json(again, event);
  EventJsonReader second;
  if (is_utf8(text)) {  // what isn't is replaced when it is written
    MR_CHECK(second.read(again));
    MR_CHECK(record_of(second.event()) == record);
  }
  return 0;
}
