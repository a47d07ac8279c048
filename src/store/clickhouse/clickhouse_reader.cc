// The read side of clickhouse_store.h.
#include <algorithm>

#include <fmt/format.h>

#include "store/clickhouse/answer_columns.h"
#include "store/clickhouse/clickhouse_store.h"
#include "store/clickhouse/event_json.h"
#include "store/clickhouse/row_binary.h"
#include "store/clickhouse/sql_text.h"

namespace millrace {

using clickhouse::quote_string;
using clickhouse::RowReader;

namespace {

// A key as a question's path has it: in quotes where it has a dot or a quote of its own.
std::string path_part(const std::string& key) {
  if (key.find_first_of(".\"") == std::string::npos) return key;
  std::string part = "\"";
  for (char c : key) {
    if (c == '"' || c == '\\') part += '\\';
    part += c;
  }
  return part + '"';
}

constexpr std::uint32_t kSampledEvents = 10'000;
constexpr int kFieldsMax = 1000;
constexpr int kEventsMax = 1000;
constexpr std::size_t kCalendarEntriesMax = 1000;
constexpr std::int64_t kBucketsMax = 20'000;
constexpr std::int64_t kPingMsMax = 2'000;

Error cut_short() { return unavailable("the store's answer ends in the middle of a row"); }

// The type of a field from the types of its values: what schema_types() in SQL gives.
std::string common_type(std::vector<std::string> types) {
  types.erase(std::remove(types.begin(), types.end(), "null"), types.end());
  if (types.empty()) return "mixed";
  bool numbers = std::all_of(types.begin(), types.end(),
                             [](const std::string& type) { return type == "integer" || type == "number"; });
  if (types.size() == 1) return types[0];
  return numbers ? "number" : "mixed";
}

constexpr const char* kTypeOfRaw =
    "multiIf(startsWith(raw, '\"'), 'string', raw IN ('true', 'false'), 'boolean', raw = 'null', 'null', "
    "startsWith(raw, '{') OR "
    "startsWith(raw, '['), 'nested', toInt64OrNull(raw) IS NOT NULL, 'integer', 'number')";

struct BucketStep {
  std::int64_t seconds;  // short enough to meet every bucket, those that a change of clocks shortens too
};
BucketStep step_of(Every every) {
  switch (every) {
    case Every::kOneSecond:
      return {1};
    case Every::kMinute:
      return {60};
    case Every::kFiveMinutes:
      return {300};
    case Every::kFifteenMinutes:
    case Every::kHour:
      return {900};
    case Every::kDay:
      return {6 * 3600};
    default:
      return {86'400};
  }
}

}  // namespace

Result<clickhouse::QuerySchema> ClickHouseStore::query_schema() {
  MR_TRY(refresh_takeovers());
  return clickhouse::QuerySchema{options_.database, options_.declared, owned_rows(), *keeper_.kept()};
}

Result<QueryAnswer> ClickHouseStore::query(const MetricQuery& query, const QueryBudget& budget) {
  MR_ASSIGN(clickhouse::QuerySchema schema, query_schema());
  MR_ASSIGN(clickhouse::MetricSql sql, clickhouse::metric_sql(query, schema));
  MR_ASSIGN(clickhouse::Reply reply, ask(sql.text, "JSONCompactColumns", budget));
  QueryAnswer answer;
  answer.columns = std::move(sql.columns);
  answer.rows_read = reply.rows_read;
  keeper_.asked(clickhouse::asked_properties(query, options_.declared), reply.rows_read);
  MR_TRY(clickhouse::read_columns(reply.body, query.limit, answer));
  return answer;
}

Result<std::vector<std::string>> ClickHouseStore::events(const EventsQuery& query, const QueryBudget& budget) {
  MR_ASSIGN(clickhouse::QuerySchema schema, query_schema());
  MR_ASSIGN(std::string sql, clickhouse::events_sql(query, schema));
  MR_ASSIGN(clickhouse::Reply reply, ask(sql, "RowBinary", budget));
  std::vector<std::string> events;
  RowReader rows(reply.body);
  while (rows.more()) events.push_back(clickhouse::read_event(rows));
  if (!rows.ok()) return cut_short();
  return events;
}

Result<SchemaAnswer> ClickHouseStore::schema(const std::string& project, const QueryBudget& budget) {
  MR_ASSIGN(clickhouse::QuerySchema schema, query_schema());
  std::string where = "project = " + quote_string(project);
  if (!schema.owned_rows.empty()) where += " AND (" + schema.owned_rows + ")";
  MR_ASSIGN(clickhouse::Reply reply,
            ask(fmt::format("SELECT toString(event), count(), toUnixTimestamp64Nano(min(time)), "
                            "toUnixTimestamp64Nano(max(time)) FROM {} "
                            "WHERE {} GROUP BY event ORDER BY count() DESC, event LIMIT {}",
                            table("events"), where, kEventsMax),
                "RowBinary", budget));
  SchemaAnswer answer;
  RowReader rows(reply.body);
  std::uint64_t stored = 0;
  while (rows.more()) {
    EventSummary event;
    event.event = rows.string();
    event.count = rows.number<std::uint64_t>();
    event.first = rows.number<std::int64_t>();
    event.last = rows.number<std::int64_t>();
    stored += event.count;
    answer.events.push_back(std::move(event));
  }
  if (!rows.ok()) return cut_short();
  answer.sampled_events = std::min<std::uint64_t>(stored, kSampledEvents);
  std::string sample = fmt::format("SELECT properties FROM {} WHERE {} ORDER BY received DESC LIMIT {}",
                                   table("events"), where, kSampledEvents);
  MR_ASSIGN(answer.fields, field_summaries(sample, budget));
  return answer;
}

Result<std::vector<FieldSummary>> ClickHouseStore::field_summaries(const std::string& sample,
                                                                   const QueryBudget& budget) {
  MR_ASSIGN(clickhouse::Reply reply,
            ask(fmt::format(
                    "SELECT name, count(), uniqExact(raw), arraySort(groupUniqArray({})), topK(5)(raw) FROM (SELECT "
                    "pair.1 AS name, "
                    "pair.2 AS raw FROM (SELECT arrayJoin(JSONExtractKeysAndValuesRaw(properties)) AS pair FROM ({}))) "
                    "GROUP BY name ORDER BY count() DESC, name LIMIT {}",
                    kTypeOfRaw, sample, kFieldsMax),
                "RowBinary", budget));
  std::vector<FieldSummary> fields;
  RowReader rows(reply.body);
  while (rows.more()) {
    FieldSummary field;
    std::string key(rows.string());
    field.name = "properties." + path_part(key);
    field.events = rows.number<std::uint64_t>();
    field.cardinality = rows.number<std::uint64_t>();
    field.type = common_type(rows.strings());
    field.examples = rows.strings();
    field.declared = std::any_of(options_.declared.begin(), options_.declared.end(),
                                 [&](const DeclaredProperty& property) { return property.name == key; });
    fields.push_back(std::move(field));
  }
  if (!rows.ok()) return cut_short();
  return fields;
}

Result<std::string> ClickHouseStore::ask_calendar(const std::string& sql, const std::string& time_zone) {
  Error none =
      invalid("there is no time zone " + quote_string(time_zone) + ": use an IANA name, for instance Europe/Berlin");
  if (!clickhouse::is_time_zone_name(time_zone)) return none;
  Result<std::string> body = ask(sql, "RowBinary");
  if (!body.ok() && body.error().code == Code::kInvalid) return none;
  return body;
}

Result<TimeNs> ClickHouseStore::calendar(Every unit, TimeNs at, int steps, const std::string& time_zone) {
  const char* add = unit == Every::kDay     ? "addDays"
                    : unit == Every::kWeek  ? "addWeeks"
                    : unit == Every::kMonth ? "addMonths"
                                            : nullptr;
  if (add == nullptr) return invalid("the calendar counts in days, weeks and months");
  std::string key = fmt::format("{} {} {}", add, steps, time_zone);
  {
    std::lock_guard lock(calendar_mutex_);
    auto found = calendar_.find(key);
    if (found != calendar_.end() && at >= found->second.begin && at < found->second.end) return found->second.moved;
  }
  std::string zone = quote_string(time_zone);
  std::string date = fmt::format("toDate32({})", clickhouse::bucket_sql(unit, clickhouse::time_text(at), zone));
  auto begin_of = [&](int moved) {
    return fmt::format("toUnixTimestamp64Nano(toDateTime64({}({}, {}), 9, {}))", add, date, moved, zone);
  };
  MR_ASSIGN(std::string body,
            ask_calendar(fmt::format("SELECT {}, {}, {}", begin_of(0), begin_of(1), begin_of(steps)), time_zone));
  RowReader row(body);
  CalendarEntry entry{};
  entry.begin = row.number<std::int64_t>();
  entry.end = row.number<std::int64_t>();
  entry.moved = row.number<std::int64_t>();
  if (!row.ok()) return cut_short();
  std::lock_guard lock(calendar_mutex_);
  if (calendar_.size() >= kCalendarEntriesMax) calendar_.clear();
  calendar_[key] = entry;
  return entry.moved;
}

// Of the offsets that hold a day before and a day after, those are right that lead back to `local`.
Result<TimeNs> ClickHouseStore::instant(TimeNs local, const std::string& time_zone) {
  std::string zone = quote_string(time_zone);
  auto offset_at = [&](const std::string& ns) {
    return fmt::format("toInt64(timeZoneOffset(fromUnixTimestamp64Nano({}, {}))) * 1000000000", ns, zone);
  };
  std::string around = fmt::format("toInt64('{}')", local);
  std::string early = around + " - " + offset_at(around + " - 86400000000000");
  std::string late = around + " - " + offset_at(around + " + 86400000000000");
  MR_ASSIGN(std::string body, ask_calendar(fmt::format("SELECT {0} AS a, {1} AS b, a + {2} = {4}, b + {3} = {4}", early,
                                                       late, offset_at("a"), offset_at("b"), around),
                                           time_zone));
  RowReader row(body);
  TimeNs first = row.number<std::int64_t>(), second = row.number<std::int64_t>();
  bool first_fits = row.number<std::uint8_t>() != 0, second_fits = row.number<std::uint8_t>() != 0;
  if (!row.ok()) return cut_short();
  if (first_fits && second_fits) return std::min(first, second);
  return second_fits ? second : first;
}

Result<std::vector<TimeNs>> ClickHouseStore::buckets(Every every, TimeNs from, TimeNs to,
                                                     const std::string& time_zone) {
  if (every == Every::kNone) return invalid("there are no buckets without `every`");
  std::vector<TimeNs> begins;
  if (to <= from) return begins;
  std::int64_t step_ns = step_of(every).seconds * 1'000'000'000;
  std::int64_t samples = (to - from) / step_ns + 2;
  if (samples > kBucketsMax * 31) return invalid("the range has too many buckets: ask for a coarser `every`");
  std::string zone = quote_string(time_zone);
  std::string at =
      fmt::format("fromUnixTimestamp64Nano(toInt64('{}') + least(toInt64(number) * {}, toInt64('{}')), 'UTC')", from,
                  step_ns, to - from - 1);
  MR_ASSIGN(
      std::string body,
      ask_calendar(
          fmt::format(
              "SELECT DISTINCT toUnixTimestamp64Nano(toDateTime64({}, 9, {})) AS begin FROM numbers({}) ORDER BY begin",
              clickhouse::bucket_sql(every, at, zone), zone, samples),
          time_zone));
  RowReader rows(body);
  while (rows.more()) begins.push_back(rows.number<std::int64_t>());
  if (!rows.ok()) return cut_short();
  return begins;
}

Result<void> ClickHouseStore::ping() { return servers_.ping_any(kPingMsMax); }

}  // namespace millrace
