// Any bytes may come as a body. What is accepted is JSON to a second parser as well, and in canonical form; and a body
// gives the same events whether its lines are taken together or one by one.
#include <cstdlib>

#include "base/check.h"
#include "base/json.h"
#include "ingest/native/event_parser.h"
#include "model/property_index.h"
#include "model/record.h"

namespace {

using namespace millrace;

void check_object(std::string_view text, std::string_view index) {
  Result<Json> json = Json::parse(text);
  MR_CHECK(json.ok() && json->is_object());
  PropertyCursor cursor(text, index);
  std::size_t members = 0;
  while (cursor.next()) {
    MR_CHECK(members < json->members().size());
    Result<Json> value = Json::parse(cursor.property().value);
    MR_CHECK(value.ok() && value->kind() == json->members()[members].second.kind());
    ++members;
  }
  MR_CHECK(cursor.valid());
  MR_CHECK(index.empty() || members == json->members().size());
}

std::size_t check_events(const ParsedBatch& batch) {
  std::size_t events = 0;
  for (const ParsedBatch::Partition& partition : batch.partitions) {
    if (partition.record.empty()) {
      continue;
    }
    RecordCursor cursor(partition.record, 1);
    while (cursor.next()) {
      const EventView& event = cursor.event();
      MR_CHECK(!event.event.empty() && event.event.size() <= kEventNameBytesMax);
      MR_CHECK(event.user_id.size() <= kIdBytesMax && event.id.size() <= kIdBytesMax);
      check_object(event.properties, event.property_index);
      check_object(event.context, {});
      ++events;
    }
    MR_CHECK(cursor.status().ok());
  }
  MR_CHECK(events == batch.accepted);
  return events;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static EventParser parser(2, ParseLimits{4096, 100});
  std::string body(reinterpret_cast<const char*>(data), size);
  body.append(64, 'x');
  ParsedBatch batch;
  std::string_view text(body.data(), size);
  if (parser.parse(text, {"p", "", 1, false}, batch).ok()) {
    check_events(batch);
  }
  if (!parser.parse(text, {"p", "", 1, true}, batch).ok()) {
    return 0;
  }
  std::size_t together = check_events(batch);
  std::size_t alone = 0;
  for (std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0; at < size;) {
    std::size_t end = std::min(text.find('\n', at), size);
    std::string line(text.substr(at, end - at));
    std::size_t line_bytes = line.size();
    line.append(64, 'x');
    if (!line.starts_with("\xef\xbb\xbf") &&
        parser.parse(std::string_view(line).substr(0, line_bytes), {"p", "", 1, true}, batch).ok()) {
      alone += batch.accepted;
    }
    at = end + 1;
  }
  MR_CHECK(together == alone);
  return 0;
}
