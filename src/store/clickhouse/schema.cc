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
    "min_compressed_bytes_to_fsync_after_merge = 1";

std::string create_events(const std::string& database, const std::string& settings) {
  return fmt::format(R"(CREATE TABLE IF NOT EXISTS {}.events (
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
) ENGINE = MergeTree PARTITION BY toYYYYMM(received) ORDER BY (project, event, time)
SETTINGS {})",
                     quote_name(database), settings);
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

std::string create_owners(const std::string& database, const std::string& settings) {
  return fmt::format(R"(CREATE TABLE IF NOT EXISTS {}.owners (
  generation UInt32,
  `partition` UInt16,
  epoch UInt32,
  first UInt64,
  claim UInt64,
  swept UInt8,
  recorded DateTime64(3, 'UTC')
) ENGINE = MergeTree ORDER BY (generation, `partition`, epoch)
SETTINGS {})",
                     quote_name(database), settings);
}

std::string create_state(const std::string& database, const std::string& settings) {
  return fmt::format(R"(CREATE TABLE IF NOT EXISTS {}.state (
  generation UInt32,
  `partition` UInt16,
  epoch UInt32,
  claim UInt64,
  name String,
  version UInt64,
  piece UInt32,
  pieces UInt32,
  bytes String CODEC(LZ4)
) ENGINE = ReplacingMergeTree(version) ORDER BY (generation, `partition`, epoch, claim, name, piece)
SETTINGS {})",
                     quote_name(database), settings);
}

std::string create_versions(const std::string& database) {
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS {}.schema_version (version UInt32, name String, applied DateTime64(3, 'UTC')) "
      "ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1",
      quote_name(database));
}

Result<int> current_version(const RunStatement& run, const std::string& database) {
  MR_ASSIGN(std::string text, run(fmt::format("SELECT max(version) FROM {}.schema_version", quote_name(database))));
  int version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

}  // namespace

std::vector<Migration> migrations(const std::string& database, bool durable_tables) {
  std::string settings = std::string(kSettings) + (durable_tables ? kDurable : "");
  std::string owner_settings =
      durable_tables ? "fsync_after_insert = 1, fsync_part_directory = 1" : "index_granularity = 8192";
  std::string name = quote_name(database);
  return {
      {1, "events and owners", {create_events(database, settings), create_owners(database, owner_settings)}},
      {2,
       "projection by_minute",
       {fmt::format(
            "ALTER TABLE {}.events ADD PROJECTION IF NOT EXISTS by_minute (SELECT project, event, {} AS minute, "
            "count(), min(time), max(time) GROUP BY project, event, minute)",
            name, kMinute),
        fmt::format("ALTER TABLE {}.events MATERIALIZE PROJECTION by_minute SETTINGS mutations_sync = 1", name)}},
      // A server has a configuration of its own: its columns stay as they are.
      {3, "codecs by the size of a part",
       durable_tables ? std::vector<std::string>() : std::vector<std::string>{codecs_by_size(name)}},
      {4, "states of owners", {create_state(database, owner_settings)}},
  };
}

Result<void> migrate(const RunStatement& run, const std::string& database, const std::vector<Migration>& steps) {
  MR_TRY(run(fmt::format("CREATE DATABASE IF NOT EXISTS {} ENGINE = Atomic", quote_name(database))));
  MR_TRY(run(create_versions(database)));
  MR_ASSIGN(int current, current_version(run, database));
  if (current > steps.back().version) {
    return invalid(fmt::format(
        "the database {} has schema version {}, this program knows versions up to {}: run the millrace that "
        "made it, or a newer one",
        database, current, steps.back().version));
  }
  for (const Migration& step : steps) {
    if (step.version <= current) continue;
    for (const std::string& statement : step.statements) MR_TRY(run(statement));
    MR_TRY(run(fmt::format("INSERT INTO {}.schema_version (version, name, applied) SELECT {}, {}, now64(3, 'UTC')",
                           quote_name(database), step.version, quote_string(step.name))));
  }
  return {};
}

Result<void> declare(const RunStatement& run, const std::string& database,
                     const std::vector<DeclaredProperty>& declared) {
  for (const DeclaredProperty& property : declared) {
    MR_TRY(check_declared(property));
    std::string column = column_name(property);
    MR_TRY(run(fmt::format("ALTER TABLE {}.events ADD COLUMN IF NOT EXISTS {} {} DEFAULT {} {}", quote_name(database),
                           quote_name(column), column_type(property.type), column_default(property),
                           column_codec(property.type))));
    MR_ASSIGN(std::string type,
              run(fmt::format("SELECT type FROM system.columns WHERE database = {} AND table = 'events' AND name = {}",
                              quote_string(database), quote_string(column))));
    while (!type.empty() && type.back() == '\n') type.pop_back();
    if (type != column_type(property.type)) {
      return invalid(fmt::format(
          "the property {} is declared as {}, but the store keeps it as {}: declare it as it was, or drop the "
          "column {} of {}.events first",
          property.name, column_type(property.type), type, column, database));
    }
  }
  return {};
}

Result<void> keep(const RunStatement& run, const std::string& database, const KeptProperty& property) {
  MR_TRY(run(fmt::format("ALTER TABLE {}.events ADD COLUMN IF NOT EXISTS {} {} DEFAULT {} {}", quote_name(database),
                         quote_name(kept_column(property)), kept_type(property), kept_default(property),
                         kept_codec(property))));
  return {};
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

Result<bool> has_few_values(const RunStatement& run, const std::string& database, const KeptProperty& property) {
  constexpr int kFew = 5000;
  MR_ASSIGN(std::string text,
            run(fmt::format("SELECT uniq({}) <= {} FROM {}.events PREWHERE intDiv(_part_offset, 8192) % 64 = 0",
                            kept_default(property), kFew, quote_name(database))));
  return text == "1\n";
}

Result<void> fill_kept(const RunStatement& run, const std::string& database, const KeptProperty& property) {
  std::string column = kept_column(property);
  std::string place = fmt::format("database = {} AND table = 'events'", quote_string(database));
  MR_ASSIGN(std::string missing,
            run(fmt::format("SELECT count() FROM system.parts WHERE {0} AND active AND name NOT IN (SELECT name FROM "
                            "system.parts_columns WHERE {0} AND active AND column = {1})",
                            place, quote_string(column))));
  if (missing == "0\n") return {};
  std::string command = "MATERIALIZE COLUMN " + quote_name(column);
  MR_ASSIGN(
      std::string filling,
      run(fmt::format("SELECT count() FROM system.mutations WHERE {} AND NOT is_done AND position(command, {}) > 0",
                      place, quote_string(column))));
  if (filling != "0\n") return {};
  MR_TRY(run(fmt::format("ALTER TABLE {}.events {} SETTINGS mutations_sync = 0", quote_name(database), command)));
  return {};
}

std::string stop_filling(const std::string& database) {
  return fmt::format("KILL MUTATION WHERE database = {} AND table = 'events' AND command LIKE '%MATERIALIZE COLUMN%'",
                     quote_string(database));
}

}  // namespace millrace::clickhouse
