// The write side, and what both sides share.
#include "store/clickhouse/clickhouse_store.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/log.h"
#include "io/clock.h"
#include "io/random.h"
#include "store/clickhouse/row_hash_sql.h"
#include "store/clickhouse/schema.h"
#include "store/clickhouse/sql_text.h"

namespace millrace {

using clickhouse::Connection;
using clickhouse::Purpose;
using clickhouse::RecordedTakeover;
using clickhouse::Reply;

namespace {

constexpr std::int64_t kChangeMsMax = 600'000;  // a migration or a sweep of a large table
constexpr std::int64_t kAskMsMax = 60'000;
constexpr TimeNs kTakeoversFreshNs = 1'000'000'000;

// One block becomes one part, at once and undeduplicated: places in the rows are what tells repeats.
const clickhouse::Settings kInsertSettings = {{"async_insert", "0"},
                                              {"insert_deduplicate", "0"},
                                              {"max_insert_block_size", "100000000"},
                                              {"min_insert_block_size_rows", "0"},
                                              {"min_insert_block_size_bytes", "0"},
                                              {"max_insert_threads", "1"},
                                              {"input_format_parallel_parsing", "0"}};

std::string query_prefix(Generation generation, PartitionId partition) {
  return fmt::format("millrace-{}-{}-", generation.value, partition.value);
}

}  // namespace

ClickHouseStore::ClickHouseStore(ClickHouseOptions options, clickhouse::Address address, Metrics& metrics)
    : options_(std::move(options)),
      address_(std::move(address)),
      metrics_(metrics),
      readers_(address_, options_.readers_max),
      keeper_(options_.kept_columns_max, options_.kept_rows_min) {}

ClickHouseStore::~ClickHouseStore() { keeper_.stop(); }

std::string ClickHouseStore::table(const char* name) const {
  return clickhouse::quote_name(options_.database) + "." + name;
}

Result<std::unique_ptr<ClickHouseStore>> ClickHouseStore::open(ClickHouseOptions options, Metrics& metrics) {
  MR_ASSIGN(clickhouse::Address address, clickhouse::parse_address(options.url));
  if (!address.database.empty()) options.database = address.database;
  if (!clickhouse::is_plain_name(options.database)) return invalid("the store's database needs a plain name");
  address.user = options.user;
  address.password = options.password;
  std::unique_ptr<ClickHouseStore> store(new ClickHouseStore(std::move(options), std::move(address), metrics));
  MR_TRY(store->prepare());
  return store;
}

Result<void> ClickHouseStore::prepare() {
  auto run = [this](const std::string& sql) { return change(sql); };
  MR_TRY(clickhouse::migrate(run, options_.database, clickhouse::migrations(options_.database, !embedded())));
  MR_TRY(clickhouse::declare(run, options_.database, options_.declared));
  MR_TRY(load_kept());
  MR_TRY(load_takeovers());
  sweep(std::nullopt);
  keeper_.again();  // what a crash broke off goes on
  keeper_thread_.emplace("store-columns", [this] { keep_properties(); });
  return {};
}

Result<std::string> ClickHouseStore::change(const std::string& sql) {
  MR_ASSIGN(auto connection, readers_.lease());
  MR_ASSIGN(Reply reply, connection->run(sql, {}, "", Purpose::kChange, kChangeMsMax));
  return std::move(reply.body);
}

Result<Reply> ClickHouseStore::ask(const std::string& sql, const char* format, const QueryBudget& budget) {
  MR_ASSIGN(auto connection, readers_.lease());
  clickhouse::Settings settings = clickhouse::query_settings();
  settings.emplace_back("max_execution_time", fmt::format("{:.3f}", static_cast<double>(budget.time_ms) / 1000));
  settings.emplace_back("timeout_overflow_mode", "'throw'");
  if (budget.memory_bytes > 0) settings.emplace_back("max_memory_usage", std::to_string(budget.memory_bytes));
  if (budget.rows_read > 0) {
    settings.emplace_back("max_rows_to_read", std::to_string(budget.rows_read));
    settings.emplace_back("read_overflow_mode", "'throw'");
  }
  // The engine lets a query wait for its turn for some seconds, outside of its own time.
  constexpr std::int64_t kQueueMs = 10'000;
  return connection->run(sql, settings, format, Purpose::kQuery, budget.time_ms + kQueueMs);
}

Result<std::string> ClickHouseStore::ask(const std::string& sql, const char* format) {
  MR_ASSIGN(Reply reply, ask(sql, format, {kAskMsMax, 0, 0}));
  return std::move(reply.body);
}

Result<ClickHouseStore::Writer*> ClickHouseStore::writer(PartitionId partition) {
  std::lock_guard lock(writers_mutex_);
  std::unique_ptr<Writer>& writer = writers_[partition];
  if (!writer) {
    MR_ASSIGN(auto connection, Connection::create(address_));
    writer.reset(new Writer{std::move(connection), clickhouse::EventBlock(options_.declared), 0, false, 0, nullptr});
  }
  if (auto kept = keeper_.kept(); kept != writer->kept) {
    writer->block = clickhouse::EventBlock(options_.declared, *kept);
    writer->kept = std::move(kept);
  }
  return writer.get();
}

Result<void> ClickHouseStore::send(Writer& writer, const std::string& sql, std::string_view data,
                                   const std::string& query_id) {
  writer.restarts = gate_.enter(*writer.connection);
  writer.sent = true;
  Result<Reply> reply = writer.connection->insert(sql, data, kInsertSettings, query_id, options_.insert_ms_max);
  gate_.leave(*writer.connection);
  if (!reply.ok()) return std::move(reply).error();
  return {};
}

Result<void> ClickHouseStore::insert(const EventBatch& batch, std::size_t begin, std::size_t end) {
  if (begin == end) return {};
  MR_ASSIGN(Writer * writer, this->writer(batch.partition));
  expect_strays(batch.partition, batch.epoch);
  std::string_view data = writer->block.encode(batch, begin, end);
  std::string query_id = fmt::format("{}{}-{}-{}", query_prefix(batch.generation, batch.partition), batch.epoch.value,
                                     batch.sequence[begin], ++writer->inserts);
  TimeNs start = system_clock().monotonic();
  Result<void> result = send(*writer, "INSERT INTO " + table("events") + " " + writer->block.columns(), data, query_id);
  metrics_.add(Metric::kStoreInserts);
  metrics_.add(Metric::kStoreInsertBytes, static_cast<std::int64_t>(data.size()));
  metrics_.add(Metric::kStoreInsertTime, (system_clock().monotonic() - start) / 1000);
  if (!result.ok()) metrics_.add(Metric::kStoreInsertFailures);
  if (!result.ok() && result.error().code == Code::kUnavailable) look_at_columns();
  return result;
}

Result<void> ClickHouseStore::settle(PartitionId partition) {
  if (!embedded()) return kill_inserts(partition);
  MR_ASSIGN(Writer * writer, this->writer(partition));
  // The embedded engine dies with its parent: before our own first insert there is nothing to settle.
  if (!writer->sent) return {};
  MR_TRY(gate_.restarted_since(writer->restarts, options_.restart_engine));
  MR_ASSIGN(writer->connection, Connection::create(address_));  // the old one led to an engine that is gone
  writer->sent = false;
  return {};
}

Result<void> ClickHouseStore::kill_inserts(PartitionId partition) {
  std::string mine = "query_id LIKE " + clickhouse::quote_string(query_prefix(options_.generation, partition) + "%");
  MR_TRY(change("KILL QUERY WHERE " + mine + " SYNC"));
  MR_ASSIGN(std::string left, ask("SELECT count() FROM system.processes WHERE " + mine, "TabSeparated"));
  if (left != "0\n") return unavailable("an insert of the store is still being killed");
  return {};
}

Result<std::string> ClickHouseStore::place_condition(PartitionId partition, SequenceRange range) {
  MR_TRY(refresh_takeovers());
  std::string condition = fmt::format("generation = {} AND `partition` = {} AND sequence >= {} AND sequence < {}",
                                      options_.generation.value, partition.value, range.begin.value, range.end.value);
  std::string owned = owned_rows();
  return owned.empty() ? condition : condition + " AND " + owned;
}

Result<std::vector<SequenceNumber>> ClickHouseStore::present(PartitionId partition, SequenceRange range) {
  MR_ASSIGN(std::string condition, place_condition(partition, range));
  MR_ASSIGN(
      std::string body,
      ask(fmt::format("SELECT sequence FROM {} WHERE {} ORDER BY sequence", table("events"), condition), "RowBinary"));
  std::vector<SequenceNumber> found(body.size() / 8);
  for (std::size_t row = 0; row < found.size(); ++row)
    found[row] = SequenceNumber(load_le<std::uint64_t>(body.data() + row * 8));
  return found;
}

Result<StoredRange> ClickHouseStore::count(PartitionId partition, SequenceRange range, bool with_hash) {
  MR_ASSIGN(std::string condition, place_condition(partition, range));
  std::string hash = with_hash ? fmt::format("sumWithOverflow({})", clickhouse::kRowHash) : "toUInt64(0)";
  MR_ASSIGN(std::string body,
            ask(fmt::format("SELECT count(), {} FROM {} WHERE {}", hash, table("events"), condition), "RowBinary"));
  if (body.size() != 16) return unavailable("the store's count has another length than it must have");
  return StoredRange{load_le<std::uint64_t>(body.data()), load_le<std::uint64_t>(body.data() + 8)};
}

Result<void> ClickHouseStore::flush() { return options_.flush_disk ? options_.flush_disk() : Result<void>(); }

Result<void> ClickHouseStore::load_takeovers() {
  MR_ASSIGN(std::string body, ask(clickhouse::select_takeovers(options_.database), "RowBinary"));
  MR_ASSIGN(std::vector<RecordedTakeover> takeovers, clickhouse::parse_takeovers(body));
  if (clickhouse::take_copy_mark(takeovers).open) {
    return unavailable(
        "a copy into this store was begun and has not ended: run the same `millrace migrate store` to its end, or go "
        "back to the store that it copies from");
  }
  std::lock_guard lock(takeovers_mutex_);
  takeovers_ = std::move(takeovers);
  takeovers_loaded_ = system_clock().monotonic();
  return {};
}

// Only this process takes partitions of an embedded engine over; those of a server may be taken over by others.
Result<void> ClickHouseStore::refresh_takeovers() {
  if (embedded() || system_clock().monotonic() - takeovers_loaded_ < kTakeoversFreshNs) return {};
  return load_takeovers();
}

std::string ClickHouseStore::owned_rows() const {
  std::lock_guard lock(takeovers_mutex_);
  std::vector<RecordedTakeover> needed;
  std::copy_if(takeovers_.begin(), takeovers_.end(), std::back_inserter(needed),
               [](const RecordedTakeover& takeover) { return !takeover.swept; });
  return clickhouse::owned_rows(needed);
}

// An owner that writes although a newer one has taken over: its rows must be filtered again.
void ClickHouseStore::expect_strays(PartitionId partition, Epoch epoch) {
  std::lock_guard lock(takeovers_mutex_);
  for (RecordedTakeover& recorded : takeovers_) {
    bool newer = recorded.generation == options_.generation && recorded.takeover.partition == partition &&
                 recorded.takeover.epoch > epoch;
    if (newer) recorded.swept = false;
  }
}

Result<Takeover> ClickHouseStore::owner(PartitionId partition) {
  MR_TRY(load_takeovers());
  std::lock_guard lock(takeovers_mutex_);
  Takeover newest{partition, Epoch(0), SequenceNumber(0)};
  for (const RecordedTakeover& recorded : takeovers_) {
    bool here = recorded.generation == options_.generation && recorded.takeover.partition == partition;
    if (here && recorded.takeover.epoch > newest.epoch) newest = recorded.takeover;
  }
  return newest;
}

Result<void> ClickHouseStore::claim(const Takeover& takeover, std::uint64_t claim_number) {
  std::string place =
      fmt::format("generation = {} AND `partition` = {}", options_.generation.value, takeover.partition.value);
  // Not repeated by itself: a second row of the same claim changes nothing.
  MR_TRY(change(fmt::format(
      "INSERT INTO {} (generation, `partition`, epoch, first, claim, swept, recorded) SELECT {}, {}, {}, {}, {}, 0, "
      "now64(3, 'UTC') WHERE (SELECT max(epoch) FROM {} WHERE {}) < {} SETTINGS async_insert = 0, insert_deduplicate = "
      "0",
      table("owners"), options_.generation.value, takeover.partition.value, takeover.epoch.value, takeover.first.value,
      claim_number, table("owners"), place, takeover.epoch.value)));
  MR_TRY(flush());
  // Another partition's owner may have swept this takeover by now, and left a row that claims nothing.
  MR_ASSIGN(
      std::string others,
      ask(fmt::format("SELECT countIf(swept = 0 AND claim != {0}) = 0, countIf(claim = {0}) > 0 FROM {1} WHERE {2} AND "
                      "epoch >= {3}",
                      claim_number, table("owners"), place, takeover.epoch.value),
          "TabSeparated"));
  if (others == "1\t1\n") return {};
  if (others == "0\t1\n") {  // two at once: neither may believe that it owns the partition
    MR_TRY(change(fmt::format("ALTER TABLE {} DELETE WHERE claim = {} SETTINGS mutations_sync = 1", table("owners"),
                              claim_number)));
  }
  return invalid(fmt::format("partition {} was taken over by epoch {} or a later one already: this owner is an old one",
                             takeover.partition.value, takeover.epoch.value));
}

Result<void> ClickHouseStore::take_over(const Takeover& takeover) {
  MR_TRY(claim(takeover, takeover.claim != 0 ? takeover.claim : random_number()));
  MR_TRY(load_takeovers());
  sweep(takeover.partition);
  return {};
}

// What can't be swept now stays filtered, and is swept at the next takeover or start.
void ClickHouseStore::sweep(std::optional<PartitionId> partition) {
  std::vector<RecordedTakeover> unswept;
  {
    std::lock_guard lock(takeovers_mutex_);
    std::copy_if(
        takeovers_.begin(), takeovers_.end(), std::back_inserter(unswept), [&](const RecordedTakeover& takeover) {
          return !takeover.swept && takeover.takeover.partition == partition.value_or(takeover.takeover.partition);
        });
  }
  for (const RecordedTakeover& takeover : unswept) {
    Result<void> swept = sweep_one(takeover);
    if (!swept.ok()) {
      log_warning("rows of an older owner could not be deleted yet; queries leave them out",
                  {{"partition", takeover.takeover.partition.value}, {"reason", swept.error().message}});
      return;
    }
  }
}

Result<void> ClickHouseStore::sweep_one(const RecordedTakeover& swept) {
  std::string strays = clickhouse::disowned_rows(swept);
  MR_ASSIGN(std::string count,
            ask(fmt::format("SELECT count() FROM {} WHERE {}", table("events"), strays), "TabSeparated"));
  if (count != "0\n") {
    MR_TRY(change(clickhouse::stop_filling(options_.database)));
    MR_TRY(change(fmt::format("ALTER TABLE {} DELETE WHERE {} SETTINGS mutations_sync = 1", table("events"), strays)));
    MR_TRY(flush());
    keeper_.again();
  }
  // At a server an older owner that was paused may still write: its rows stay filtered for a day, and are swept then.
  if (!embedded() && swept.recent) return {};
  MR_TRY(change(fmt::format(
      "INSERT INTO {} (generation, `partition`, epoch, first, claim, swept, recorded) SELECT {}, {}, {}, {}, 0, 1, "
      "toDateTime64(0, 3, 'UTC') SETTINGS async_insert = 0, insert_deduplicate = 0",
      table("owners"), swept.generation.value, swept.takeover.partition.value, swept.takeover.epoch.value,
      swept.takeover.first.value)));
  std::lock_guard lock(takeovers_mutex_);
  for (RecordedTakeover& recorded : takeovers_) {
    bool same = recorded.generation == swept.generation && recorded.takeover.partition == swept.takeover.partition &&
                recorded.takeover.epoch == swept.takeover.epoch;
    if (same) recorded.swept = true;
  }
  return {};
}

}  // namespace millrace
