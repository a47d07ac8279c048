#include "store/clickhouse/copy_side.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "store/clickhouse/row_binary.h"
#include "store/clickhouse/row_hash_sql.h"
#include "store/clickhouse/schema.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

constexpr std::int64_t kAskMsMax = 600'000;
constexpr std::int64_t kChangeMsMax = 3'600'000;  // deleting from a large table
constexpr std::int64_t kInsertMsMax = 600'000;
constexpr std::size_t kClaimsAtOnce = 50;

// Blocks of one answer become one part for each month.
const Settings kCopySettings = {{"async_insert", "0"},
                                {"insert_deduplicate", "0"},
                                {"max_insert_block_size", "100000000"},
                                {"min_insert_block_size_rows", "100000000"},
                                {"min_insert_block_size_bytes", "1000000000"},
                                {"max_partitions_per_insert_block", "0"},
                                {"max_insert_threads", "1"}};

// Columns of properties follow from these: the target computes them, by the columns' own defaults.
constexpr const char* kColumns =
    "project, event, time, received, sent, user_id, anonymous_id, session_id, message_id, properties, context, "
    "generation, `partition`, sequence, epoch";

std::string within(const PlaceRange& range) {
  return fmt::format("generation = {} AND `partition` = {} AND sequence >= {} AND sequence < {}",
                     range.generation.value, range.partition.value, range.places.begin.value, range.places.end.value);
}

Error cut_short() { return unavailable("the store's answer ends in the middle of a row"); }

}  // namespace

Result<std::unique_ptr<CopySide>> CopySide::create(std::string name, const Address& address, std::string database) {
  if (!is_plain_name(database)) return invalid("the store's database needs a plain name");
  MR_ASSIGN(std::unique_ptr<Connection> connection, Connection::create(address));
  return std::unique_ptr<CopySide>(new CopySide(std::move(name), std::move(connection), std::move(database)));
}

std::string CopySide::table(const char* table) const { return quote_name(database_) + "." + table; }

std::string CopySide::counting(const PlaceRange& range) const {
  return owned_.empty() ? within(range) : within(range) + " AND " + owned_;
}

Result<std::string> CopySide::ask(const std::string& sql, const char* format) {
  MR_ASSIGN(Reply reply, connection_->run(sql, {}, format, Purpose::kQuery, kAskMsMax));
  return std::move(reply.body);
}

Result<std::string> CopySide::change(const std::string& sql) {
  MR_ASSIGN(Reply reply, connection_->run(sql, {}, "", Purpose::kChange, kChangeMsMax));
  return std::move(reply.body);
}

Result<bool> CopySide::look() {
  claims_.clear(), mark_ = {}, owned_.clear();
  MR_ASSIGN(std::string tables, ask(fmt::format("SELECT countIf(name = 'schema_version'), countIf(name = 'owners'), "
                                                "countIf(name = 'events') FROM system.tables WHERE database = {}",
                                                quote_string(database_)),
                                    "TabSeparated"));
  if (tables == "0\t0\t0\n" || tables == "1\t0\t0\n" || tables == "1\t0\t1\n") return false;  // none, or begun
  if (tables != "1\t1\t1\n") {
    return invalid(
        fmt::format("the database {} of {} has tables `events` or `owners` that are not Millrace's: name "
                    "another database",
                    database_, name_));
  }
  MR_ASSIGN(std::string text, ask(fmt::format("SELECT max(version) FROM {}", table("schema_version")), "TabSeparated"));
  int version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  int newest = migrations({database_, false, ""}).back().version;
  if (version > newest) {
    return invalid(fmt::format("{} has schema version {}, this program knows versions up to {}: use a newer millrace",
                               name_, version, newest));
  }
  MR_ASSIGN(std::string body, ask(select_takeovers(table("owners")), "RowBinary"));
  MR_ASSIGN(std::vector<RecordedTakeover> takeovers, parse_takeovers(body));
  mark_ = take_copy_mark(takeovers);
  std::erase_if(takeovers, [](const RecordedTakeover& takeover) { return takeover.swept; });
  owned_ = owned_rows(takeovers);
  MR_ASSIGN(body, ask(fmt::format("SELECT generation, `partition`, epoch, first, claim, toInt64(toUnixTimestamp64Milli("
                                  "recorded)) FROM {} WHERE generation != {} AND swept = 0 ORDER BY ALL",
                                  table("owners"), kCopyMark.value),
                      "RowBinary"));
  RowReader rows(body);
  while (rows.more()) {
    Claim& claim = claims_.emplace_back();
    claim.generation = Generation(rows.number<std::uint32_t>());
    claim.partition = PartitionId(rows.number<std::uint16_t>());
    claim.epoch = Epoch(rows.number<std::uint32_t>());
    claim.first = SequenceNumber(rows.number<std::uint64_t>());
    claim.claim = rows.number<std::uint64_t>();
    claim.recorded_ms = rows.number<std::int64_t>();
  }
  if (!rows.ok()) return cut_short();
  return true;
}

Result<std::vector<PlaceRange>> CopySide::extent() {
  MR_ASSIGN(std::string body,
            ask(fmt::format("SELECT generation, `partition`, min(sequence), max(sequence) + 1 FROM {} GROUP BY "
                            "generation, `partition` ORDER BY generation, `partition`",
                            table("events")),
                "RowBinary"));
  std::vector<PlaceRange> ranges;
  RowReader rows(body);
  while (rows.more()) {
    PlaceRange& range = ranges.emplace_back();
    range.generation = Generation(rows.number<std::uint32_t>());
    range.partition = PartitionId(rows.number<std::uint16_t>());
    range.places.begin = SequenceNumber(rows.number<std::uint64_t>());
    range.places.end = SequenceNumber(rows.number<std::uint64_t>());
  }
  if (!rows.ok()) return cut_short();
  return ranges;
}

Result<Contents> CopySide::contents(const PlaceRange& range) {
  MR_ASSIGN(std::string body,
            ask(fmt::format("SELECT count(), sumWithOverflow({}), toUInt64(sum(length(properties) + length(context) + "
                            "length(user_id) + length(anonymous_id) + 100)) FROM {} WHERE {}",
                            kRowHash, table("events"), counting(range)),
                "RowBinary"));
  RowReader rows(body);
  Contents contents;
  contents.rows = rows.number<std::uint64_t>();
  contents.hash = rows.number<std::uint64_t>();
  contents.bytes = rows.number<std::uint64_t>();
  if (!rows.ok()) return cut_short();
  return contents;
}

Result<std::vector<DayContents>> CopySide::days(const std::vector<PlaceRange>& ranges, TimeNs from, TimeNs to,
                                                bool with_hash) {
  std::string places;
  for (const PlaceRange& range : ranges) places += (places.empty() ? "(" : " OR ") + within(range);
  if (places.empty()) return std::vector<DayContents>();
  MR_ASSIGN(std::string body,
            ask(fmt::format("SELECT toInt64(intDiv(toUnixTimestamp64Nano(received), toInt64(86400000000000))) AS day, "
                            "count(), {} FROM {} WHERE {}) AND received >= {} AND received < {}{}{} GROUP BY day ORDER "
                            "BY day",
                            with_hash ? fmt::format("sumWithOverflow({})", kRowHash) : "toUInt64(0)", table("events"),
                            places, time_text(from), time_text(to), owned_.empty() ? "" : " AND ", owned_),
                "RowBinary"));
  std::vector<DayContents> days;
  RowReader rows(body);
  while (rows.more()) {
    DayContents& day = days.emplace_back();
    day.day = rows.number<std::int64_t>();
    day.contents.rows = rows.number<std::uint64_t>();
    day.contents.hash = rows.number<std::uint64_t>();
  }
  if (!rows.ok()) return cut_short();
  return days;
}

Result<std::vector<KeptProperty>> CopySide::kept_columns() {
  return kept_properties([this](const std::string& sql) { return ask(sql, "TabSeparated"); }, database_);
}

Result<std::string> CopySide::read(const PlaceRange& range) {
  return ask(fmt::format("SELECT {} FROM {} WHERE {}", kColumns, table("events"), counting(range)), "Native");
}

Result<void> CopySide::settle() {
  std::string mine = fmt::format("startsWith(query_id, {})", quote_string(query_prefix()));
  MR_TRY(change("KILL QUERY WHERE " + mine + " SYNC"));
  MR_ASSIGN(std::string left, ask("SELECT count() FROM system.processes WHERE " + mine, "TabSeparated"));
  if (left != "0\n") return unavailable("an insert of an earlier copy is still being ended by " + name_);
  return {};
}

Result<void> CopySide::begin(const std::vector<DeclaredProperty>& declared, const std::vector<KeptProperty>& kept,
                             bool durable_tables) {
  auto run = [this](const std::string& sql) { return change(sql); };
  Layout layout{database_, durable_tables, ""};
  MR_TRY(migrate(run, layout, migrations(layout)));
  MR_TRY(declare(run, layout, declared));
  for (const KeptProperty& property : kept) MR_TRY(keep(run, layout, property));
  return mark_.open ? Result<void>() : set_mark(mark_.number + 1, false);
}

Result<void> CopySide::adopt(const CopySide& source) {
  std::vector<Claim> missing;
  std::set_difference(source.claims_.begin(), source.claims_.end(), claims_.begin(), claims_.end(),
                      std::back_inserter(missing));
  std::string strange;
  for (const Claim& claim : claims_) {
    bool common = std::binary_search(source.claims_.begin(), source.claims_.end(), claim);
    if (!common) strange += fmt::format("{}{}", strange.empty() ? "" : ", ", claim.claim);
  }
  if (!strange.empty()) {
    MR_TRY(change(fmt::format("ALTER TABLE {} DELETE WHERE claim IN ({}) SETTINGS mutations_sync = 1", table("owners"),
                              strange)));
  }
  MR_TRY(record(missing));
  MR_TRY(look());
  return {};
}

Result<void> CopySide::record(const std::vector<Claim>& claims) {
  for (std::size_t at = 0; at < claims.size(); at += kClaimsAtOnce) {
    std::string rows;
    for (std::size_t i = at; i < std::min(at + kClaimsAtOnce, claims.size()); ++i) {
      const Claim& claim = claims[i];
      rows += fmt::format(
          "{}SELECT toUInt32({}) AS g, toUInt16({}) AS p, toUInt32({}) AS e, toUInt64({}) AS f, toUInt64({}) AS c, "
          "toUInt8(0) AS s, fromUnixTimestamp64Milli(toInt64({}), 'UTC') AS r",
          rows.empty() ? "" : " UNION ALL ", claim.generation.value, claim.partition.value, claim.epoch.value,
          claim.first.value, claim.claim, claim.recorded_ms);
    }
    MR_TRY(
        change(fmt::format("INSERT INTO {} (generation, `partition`, epoch, first, claim, swept, recorded) SELECT * "
                           "FROM ({}) SETTINGS async_insert = 0, insert_deduplicate = 0",
                           table("owners"), rows)));
  }
  return {};
}

Result<void> CopySide::set_mark(std::uint32_t number, bool ended) {
  MR_TRY(
      change(fmt::format("INSERT INTO {} (generation, `partition`, epoch, first, claim, swept, recorded) SELECT {}, "
                         "0, {}, 0, 0, {}, now64(3, 'UTC') SETTINGS async_insert = 0, insert_deduplicate = 0",
                         table("owners"), kCopyMark.value, number, ended ? 1 : 0)));
  mark_ = {number, !ended};
  return {};
}

Result<void> CopySide::write(const PlaceRange& range, std::string_view native) {
  std::string id = fmt::format("{}{}-{}-{}-{}", query_prefix(), range.generation.value, range.partition.value,
                               range.places.begin.value, ++inserts_);
  MR_TRY(connection_->insert(fmt::format("INSERT INTO {} ({})", table("events"), kColumns), native, kCopySettings, id,
                             kInsertMsMax));
  return {};
}

Result<void> CopySide::remove(const PlaceRange& range) {
  MR_TRY(change(
      fmt::format("ALTER TABLE {} DELETE WHERE {} SETTINGS mutations_sync = 1", table("events"), within(range))));
  return {};
}

Result<void> CopySide::end() { return set_mark(mark_.number, true); }

}  // namespace millrace::clickhouse
