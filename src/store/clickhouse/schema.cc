#include "store/clickhouse/schema.h"

#include <charconv>

#include <fmt/format.h>

#include "store/clickhouse/property_column.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

// Parts that a power cut left damaged are set aside, however many: the log has their rows, and recovery counts them.
constexpr const char* kSettings =
    "max_suspicious_broken_parts = 1000000, max_suspicious_broken_parts_bytes = 1000000000000000, "
    "deduplicate_merge_projection_mode = 'rebuild'";
constexpr const char* kDurable =
    ", fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, "
    "min_compressed_bytes_to_fsync_after_merge = 1, non_replicated_deduplication_window = 0";
// Rows tell repeats by their places. An equal block isn't always one: a lost row is written again as it was. Said here,
// because what an insert says of it (insert_deduplicate) is overruled by another setting since ClickHouse 26.
constexpr const char* kReplicated =
    ", replicated_deduplication_window = 0, min_compressed_bytes_to_fsync_after_fetch = 1";

std::string create_events(const Layout& layout, const std::string& settings) {
  return fmt::format(R"(CREATE TABLE IF NOT EXISTS {}{} (
  project LowCardinality(String),
  event LowCardinality(String),
  time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  received DateTime64(9, 'UTC') CODEC(T64, ZSTD(1)),
  sent DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  user_id String CODEC(ZSTD(1)),
  anonymous_id String CODEC(ZSTD(1)),
  session_id String CODEC(ZSTD(1)),
  visitor String ALIAS if(user_id != '', user_id, anonymous_id),
  message_id String CODEC(ZSTD(1)),
  properties String CODEC(ZSTD(1)),
  context String CODEC(ZSTD(1)),
  generation UInt32,
  `partition` UInt16,
  sequence UInt64 CODEC(T64, ZSTD(1)),
  epoch UInt32,
  INDEX by_sequence (generation, `partition`, sequence) TYPE minmax GRANULARITY 1,
  INDEX by_received received TYPE minmax GRANULARITY 1
) ENGINE = {} PARTITION BY toYYYYMM(received) ORDER BY (project, event, time)
SETTINGS {})",
                     layout.local("events"), layout.on_cluster(), layout.engine("MergeTree", "", "events"), settings);
}

// At the embedded engine the codec follows from the size of a part (engine/config_files.cc).
std::string codecs_by_size(const std::string& name) {
  std::string changes;
  for (const char* column : {"user_id", "anonymous_id", "session_id", "message_id", "properties", "context"}) {
    changes += fmt::format("MODIFY COLUMN {} String CODEC(Default), ", column);
  }
  return fmt::format(
      "ALTER TABLE {}.events {}MODIFY COLUMN time DateTime64(9, 'UTC') CODEC(Delta, Default), MODIFY COLUMN received "
      "DateTime64(9, 'UTC') CODEC(T64, Default), MODIFY COLUMN sent DateTime64(9, 'UTC') CODEC(Delta, Default), MODIFY "
      "COLUMN sequence UInt64 CODEC(T64, Default)",
      name, changes);
}

std::string create_owners(const Layout& layout, const std::string& settings) {
  return fmt::format(R"(CREATE TABLE IF NOT EXISTS {}{} (
  generation UInt32,
  `partition` UInt16,
  epoch UInt32,
  first UInt64,
  claim UInt64,
  swept UInt8,
  recorded DateTime64(3, 'UTC')
) ENGINE = {} ORDER BY (generation, `partition`, epoch)
SETTINGS {})",
                     layout.local("owners"), layout.on_cluster(), layout.engine("MergeTree", "", "owners"), settings);
}

std::string create_state(const Layout& layout, const std::string& settings) {
  return fmt::format(R"(CREATE TABLE IF NOT EXISTS {}{} (
  generation UInt32,
  `partition` UInt16,
  epoch UInt32,
  claim UInt64,
  name String,
  version UInt64,
  piece UInt32,
  pieces UInt32,
  bytes String CODEC(LZ4)
) ENGINE = {} ORDER BY (generation, `partition`, epoch, claim, name, piece)
SETTINGS {})",
                     layout.local("state"), layout.on_cluster(),
                     layout.engine("ReplacingMergeTree", "version", "state"), settings);
}

std::string create_versions(const Layout& layout) {
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS {}{} (version UInt32, name String, applied DateTime64(3, 'UTC')) "
      "ENGINE = {} ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1{}",
      layout.table("schema_version"), layout.on_cluster(), layout.engine("MergeTree", "", "schema_version"),
      layout.cluster.empty() ? "" : kReplicated);
}

// What readers ask: the table of every shard.
std::string create_over_shards(const Layout& layout, const char* name) {
  return fmt::format("CREATE TABLE IF NOT EXISTS {}{} AS {} ENGINE = Distributed({}, {}, {})", layout.table(name),
                     layout.on_cluster(), layout.local(name), quote_string(layout.cluster),
                     quote_string(layout.database), quote_string(layout.local_name(name)));
}

std::string add_projection(const Layout& layout) {
  return fmt::format(
      "ALTER TABLE {}{} ADD PROJECTION IF NOT EXISTS by_minute (SELECT project, event, {} AS minute, count(), "
      "min(time), "
      "max(time) GROUP BY project, event, minute)",
      layout.local("events"), layout.on_cluster(), kMinute);
}

Result<int> current_version(const RunStatement& run, const Layout& layout) {
  MR_ASSIGN(std::string text, run(fmt::format("SELECT max(version) FROM {}", layout.table("schema_version"))));
  int version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

}  // namespace

std::vector<Migration> migrations(const Layout& layout) {
  bool clustered = !layout.cluster.empty();
  std::string replicated = clustered ? kReplicated : "";
  std::string settings = kSettings + (layout.durable_tables ? kDurable + replicated : "");
  std::string owner_settings = layout.durable_tables ? "fsync_after_insert = 1, fsync_part_directory = 1" + replicated
                                                     : "index_granularity = 8192";
  std::vector<Migration> steps = {
      {1, "events and owners", {create_events(layout, settings), create_owners(layout, owner_settings)}},
      {2, "projection by_minute", {add_projection(layout)}},
      // A server has a configuration of its own: its columns stay as they are.
      {3, "codecs by the size of a part",
       layout.durable_tables ? std::vector<std::string>()
                             : std::vector<std::string>{codecs_by_size(quote_name(layout.database))}},
      {4, "states of owners", {create_state(layout, owner_settings)}},
  };
  if (clustered) {
    for (const char* name : {"events", "owners"}) steps[0].statements.push_back(create_over_shards(layout, name));
  } else {
    steps[1].statements.push_back(fmt::format(
        "ALTER TABLE {} MATERIALIZE PROJECTION by_minute SETTINGS mutations_sync = 1", layout.table("events")));
  }
  return steps;
}

Result<void> migrate(const RunStatement& run, const Layout& layout, const std::vector<Migration>& steps) {
  std::string there;
  if (!layout.cluster.empty()) {
    MR_ASSIGN(there,
              run(fmt::format("SELECT count() FROM system.tables WHERE database = {} AND name = 'schema_version'",
                              quote_string(layout.database))));
  }
  if (there != "1\n") {
    MR_TRY(run(fmt::format("CREATE DATABASE IF NOT EXISTS {}{} ENGINE = Atomic", quote_name(layout.database),
                           layout.on_cluster())));
    MR_TRY(run(create_versions(layout)));
  }
  MR_ASSIGN(int current, current_version(run, layout));
  if (current > steps.back().version) {
    return invalid(fmt::format(
        "the database {} has schema version {}, this program knows versions up to {}: run the millrace that "
        "made it, or a newer one",
        layout.database, current, steps.back().version));
  }
  for (const Migration& step : steps) {
    if (step.version <= current) continue;
    for (const std::string& statement : step.statements) MR_TRY(run(statement));
    MR_TRY(run(fmt::format("INSERT INTO {} (version, name, applied) SELECT {}, {}, now64(3, 'UTC')",
                           layout.table("schema_version"), step.version, quote_string(step.name))));
  }
  return {};
}

Result<void> check_shards(const RunStatement& run, const Layout& layout, unsigned shards) {
  std::string now = fmt::format("shards {}", shards);
  std::string table = layout.table("schema_version");
  MR_ASSIGN(std::string noted, run(fmt::format("SELECT DISTINCT name FROM {} WHERE version = 0", table)));
  if (noted.empty()) {
    MR_TRY(run(fmt::format("INSERT INTO {} (version, name, applied) SELECT 0, {}, now64(3, 'UTC')", table,
                           quote_string(now))));
    return {};
  }
  noted.pop_back();
  if (noted == now) return {};
  return invalid(
      fmt::format("the cluster {} has another number of shards ({}) than the tables of {} were made for ({}): a "
                  "partition's rows stay in one shard. Give Millrace a cluster of the same shards, or another database",
                  layout.cluster, now, layout.database, noted));
}

namespace {

Result<std::string> column_there(const RunStatement& run, const Layout& layout, const std::string& column) {
  MR_ASSIGN(std::string type,
            run(fmt::format("SELECT type FROM system.columns WHERE database = {} AND table = 'events' AND name = {}",
                            quote_string(layout.database), quote_string(column))));
  while (!type.empty() && type.back() == '\n') type.pop_back();
  return type;
}

// `column`: name, type, default and codec. The shards' tables have it before the one that is laid over them.
Result<void> add_column(const RunStatement& run, const Layout& layout, const std::string& column) {
  for (const std::string& table : {layout.local("events"), layout.table("events")}) {
    MR_TRY(run(fmt::format("ALTER TABLE {}{} ADD COLUMN IF NOT EXISTS {}", table, layout.on_cluster(), column)));
    if (layout.cluster.empty()) break;
  }
  return {};
}

}  // namespace

Result<void> declare(const RunStatement& run, const Layout& layout, const std::vector<DeclaredProperty>& declared) {
  for (const DeclaredProperty& property : declared) {
    MR_TRY(check_declared(property));
    std::string column = column_name(property);
    MR_ASSIGN(std::string type, column_there(run, layout, column));
    if (type.empty()) {
      MR_TRY(add_column(run, layout,
                        fmt::format("{} {} DEFAULT {} {}", quote_name(column), column_type(property.type),
                                    column_default(property), column_codec(property.type))));
      MR_ASSIGN(type, column_there(run, layout, column));
    }
    if (type != column_type(property.type)) {
      return invalid(fmt::format(
          "the property {} is declared as {}, but the store keeps it as {}: declare it as it was, or drop the "
          "column {} of {}.events first",
          property.name, column_type(property.type), type, column, layout.database));
    }
  }
  return {};
}

Result<void> keep(const RunStatement& run, const Layout& layout, const KeptProperty& property) {
  return add_column(run, layout,
                    fmt::format("{} {} DEFAULT {} {}", quote_name(kept_column(property)), kept_type(property),
                                kept_default(property), kept_codec(property)));
}

Result<std::vector<KeptProperty>> kept_properties(const RunStatement& run, const std::string& database) {
  // Names have no characters that TabSeparated would escape.
  MR_ASSIGN(std::string text,
            run(fmt::format("SELECT name, type FROM system.columns WHERE database = {} AND table = 'events' AND "
                            "(startsWith(name, 't_') OR startsWith(name, 'n_')) ORDER BY position",
                            quote_string(database))));
  std::vector<KeptProperty> kept;
  std::string_view rest = text;
  for (std::size_t end; (end = rest.find('\n')) != std::string_view::npos; rest.remove_prefix(end + 1)) {
    std::string_view line = rest.substr(0, end);
    std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    if (auto property = kept_of_column(line.substr(0, tab), line.substr(tab + 1))) kept.push_back(std::move(*property));
  }
  return kept;
}

Result<bool> has_few_values(const RunStatement& run, const Layout& layout, const KeptProperty& property) {
  constexpr int kFew = 5000;
  MR_ASSIGN(std::string text,
            run(fmt::format("SELECT uniq({}) <= {} FROM {} PREWHERE intDiv(_part_offset, 8192) % 64 = 0",
                            kept_default(property), kFew, layout.local("events"))));
  return text == "1\n";
}

Result<void> fill_kept(const RunStatement& run, const Layout& layout, const KeptProperty& property) {
  std::string column = kept_column(property);
  std::string place = fmt::format("database = {} AND table = {}", quote_string(layout.database),
                                  quote_string(layout.local_name("events")));
  MR_ASSIGN(
      std::string missing,
      run(fmt::format("SELECT count() FROM {1} WHERE {0} AND active AND name NOT IN (SELECT name FROM "
                      "{2} WHERE {0} AND active AND column = {3})",
                      place, layout.everywhere("parts"), layout.everywhere("parts_columns"), quote_string(column))));
  if (missing == "0\n") return {};
  std::string command = "MATERIALIZE COLUMN " + quote_name(column);
  MR_ASSIGN(std::string filling,
            run(fmt::format("SELECT count() FROM {} WHERE {} AND NOT is_done AND position(command, {}) > 0",
                            layout.everywhere("mutations"), place, quote_string(column))));
  if (filling != "0\n") return {};
  MR_TRY(run(fmt::format("ALTER TABLE {}{} {} SETTINGS mutations_sync = 0", layout.local("events"), layout.on_cluster(),
                         command)));
  return {};
}

std::string stop_filling(const Layout& layout) {
  return fmt::format("KILL MUTATION WHERE database = {} AND table = {} AND command LIKE '%MATERIALIZE COLUMN%'",
                     quote_string(layout.database), quote_string(layout.local_name("events")));
}

}  // namespace millrace::clickhouse
