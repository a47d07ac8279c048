#include "store/clickhouse/event_json.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/time_format.h"

namespace millrace::clickhouse {
namespace {

void add_text(JsonWriter& json, const char* name, std::string_view value) {
  if (!value.empty()) json.key(name).string(value);
}

}  // namespace

std::string read_event(RowReader& row) {
  JsonWriter json;
  json.begin_object().key("event").string(row.string());
  for (const char* name : {"user_id", "anonymous_id", "session_id", "message_id"}) add_text(json, name, row.string());
  std::string_view properties = row.string();
  std::string_view context = row.string();
  json.key("time").string(format_rfc3339(row.number<std::int64_t>()));
  if (TimeNs sent = row.number<std::int64_t>(); sent != 0) json.key("sent_at").string(format_rfc3339(sent));
  json.key("received").string(format_rfc3339(row.number<std::int64_t>()));
  std::uint32_t generation = row.number<std::uint32_t>();
  std::uint16_t partition = row.number<std::uint16_t>();
  json.key("place").string(fmt::format("{}/{}:{}", generation, partition, row.number<std::uint64_t>()));
  json.key("properties").raw(properties.empty() ? "{}" : properties);
  if (!context.empty() && context != "{}") json.key("context").raw(context);
  return json.end_object().take();
}

}  // namespace millrace::clickhouse
