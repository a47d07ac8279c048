// What owners keep in the table `state`. A name is one row a piece; of several versions of a row the highest counts.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "io/clock.h"
#include "store/clickhouse/clickhouse_store.h"
#include "store/clickhouse/native_block.h"
#include "store/clickhouse/row_binary.h"
#include "store/clickhouse/sql_text.h"

namespace millrace {

using clickhouse::quote_string;

namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::size_t kPiecesAtOnce = 16;
constexpr std::int64_t kStateMsMax = 60'000;

const clickhouse::Settings kStateSettings = {{"async_insert", "0"}, {"insert_deduplicate", "0"}};

std::string names_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + quote_string(name);
  return list;
}

}  // namespace

std::string ClickHouseStore::state_of(const Takeover& owner) const {
  return fmt::format("generation = {} AND `partition` = {} AND epoch = {} AND claim = {}", options_.generation.value,
                     owner.partition.value, owner.epoch.value, owner.claim);
}

Result<std::vector<std::string>> ClickHouseStore::names(const Takeover& owner) {
  MR_ASSIGN(std::string body,
            ask(owner.partition,
                fmt::format("SELECT name FROM {} WHERE {} GROUP BY name, version, pieces HAVING uniqExact(piece) = "
                            "pieces ORDER BY name",
                            local("state"), state_of(owner)),
                "RowBinary"));
  std::vector<std::string> found;
  clickhouse::RowReader reader(body);
  while (reader.more()) found.emplace_back(reader.string());
  if (!reader.ok()) return unavailable("the store's list of states ends in the middle of a row");
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Result<std::string> ClickHouseStore::read(const Takeover& owner, const std::string& name) {
  std::string which = state_of(owner) + " AND name = " + quote_string(name);
  MR_ASSIGN(std::string body,
            ask(owner.partition,
                fmt::format(
                    "SELECT bytes FROM {0} WHERE {1} AND version = (SELECT max(version) FROM (SELECT version FROM {0} "
                    "WHERE {1} GROUP BY version, pieces HAVING uniqExact(piece) = pieces)) ORDER BY piece LIMIT "
                    "1 BY piece",
                    local("state"), which),
                "RowBinary"));
  if (body.empty()) return not_found("the store has no state of this name");
  std::string bytes;
  clickhouse::RowReader reader(body);
  while (reader.more()) bytes += reader.string();
  if (!reader.ok()) return unavailable("the store's state ends in the middle of a row");
  return bytes;
}

Result<void> ClickHouseStore::write(const Takeover& owner, const std::string& name, std::string_view bytes) {
  MR_ASSIGN(Writer * writer, this->writer(owner.partition));
  MR_ASSIGN(auto connection, servers_.pool(writer->server).lease());
  std::size_t pieces = std::max<std::size_t>(1, (bytes.size() + kPieceBytes - 1) / kPieceBytes);
  std::uint64_t version = ++state_version_;
  for (std::size_t first = 0; first < pieces; first += kPiecesAtOnce) {
    std::size_t count = std::min(kPiecesAtOnce, pieces - first);
    StringColumn names;
    StringColumn contents;
    std::vector<std::uint32_t> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
      numbers[i] = static_cast<std::uint32_t>(first + i);
      names.append(name);
      contents.append(bytes.substr(std::min(bytes.size(), (first + i) * kPieceBytes), kPieceBytes));
    }
    std::vector<std::uint32_t> rows(count);
    std::iota(rows.begin(), rows.end(), 0U);
    clickhouse::NativeBlock block;
    block.begin(9, rows);
    block.constant("generation", "UInt32", options_.generation.value);
    block.constant("partition", "UInt16", owner.partition.value);
    block.constant("epoch", "UInt32", owner.epoch.value);
    block.constant("claim", "UInt64", owner.claim);
    block.strings_of("name", names);
    block.constant("version", "UInt64", version);
    block.numbers("piece", "UInt32", std::span<const std::uint32_t>(numbers));
    block.constant("pieces", "UInt32", static_cast<std::uint32_t>(pieces));
    block.strings_of("bytes", contents);
    std::string sql = "INSERT INTO " + local("state") +
                      " (generation, `partition`, epoch, claim, name, version, piece, pieces, bytes)";
    std::string query_id = fmt::format("millrace-state-{}-{}-{}", owner.partition.value, owner.claim, version + first);
    Result<clickhouse::Reply> sent = connection->insert(sql, block.bytes(), kStateSettings, query_id, kStateMsMax);
    watch(*writer, !sent.ok() && connection->another_may());
    if (!sent.ok()) return std::move(sent).error();
  }
  return flush();
}

Result<void> ClickHouseStore::remove(const Takeover& owner, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  MR_TRY(
      change(owner.partition, fmt::format("ALTER TABLE {} DELETE WHERE {} AND name IN ({}) SETTINGS mutations_sync = 0",
                                          local("state"), state_of(owner), names_list(names))));
  return {};
}

Result<void> ClickHouseStore::copy(const Takeover& from, const Takeover& to) {
  // Of each name the newest whole version; the copy is older than all that `to` writes itself.
  MR_TRY(change(
      to.partition,
      fmt::format("INSERT INTO {0} (generation, `partition`, epoch, claim, name, version, piece, pieces, bytes) SELECT "
                  "generation, "
                  "`partition`, {1}, {2}, name, 0, piece, pieces, bytes FROM {0} WHERE {3} AND (name, version) IN "
                  "(SELECT name, "
                  "max(version) FROM (SELECT name, version FROM {0} WHERE {3} GROUP BY name, version, pieces HAVING "
                  "uniqExact(piece) "
                  "= pieces) GROUP BY name) SETTINGS async_insert = 0, insert_deduplicate = 0",
                  local("state"), to.epoch.value, to.claim, state_of(from))));
  return flush();
}

Result<void> ClickHouseStore::forget_before(const Takeover& owner) {
  MR_TRY(change(owner.partition,
                fmt::format("ALTER TABLE {} DELETE WHERE generation = {} AND `partition` = {} AND epoch < {} SETTINGS "
                            "mutations_sync = 0",
                            local("state"), options_.generation.value, owner.partition.value, owner.epoch.value)));
  return {};
}

}  // namespace millrace
