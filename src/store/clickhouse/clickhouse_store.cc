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
constexpr std::int64_t kKillMsMax = 10'000;  // at a server of a cluster: there are others
// The engine lets a query wait for its turn for some seconds, outside of its own time.
constexpr std::int64_t kQueueMs = 10'000;

// One block becomes one part, at once and undeduplicated: places in the rows are what tells repeats.
const clickhouse::Settings kInsertSettings = {{"async_insert", "0"},
                                              {"insert_deduplicate", "0"},
                                              {"max_insert_block_size", "100000000"},
                                              {"min_insert_block_size_rows", "0"},
                                              {"min_insert_block_size_bytes", "0"},
                                              {"max_insert_threads", "1"},
                                              {"input_format_parallel_parsing", "0"}};

clickhouse::Settings settings_of(const QueryBudget& budget) {
  clickhouse::Settings settings = clickhouse::query_settings();
  settings.emplace_back("max_execution_time", fmt::format("{:.3f}", static_cast<double>(budget.time_ms) / 1000));
  settings.emplace_back("timeout_overflow_mode", "'throw'");
  if (budget.memory_bytes > 0) settings.emplace_back("max_memory_usage", std::to_string(budget.memory_bytes));
  if (budget.rows_read > 0) {
    settings.emplace_back("max_rows_to_read", std::to_string(budget.rows_read));
    settings.emplace_back("read_overflow_mode", "'throw'");
  }
  return settings;
}

}  // namespace

ClickHouseStore::ClickHouseStore(ClickHouseOptions options, const std::vector<clickhouse::Address>& addresses,
                                 Metrics& metrics)
    : options_(std::move(options)),
      layout_{options_.database, !embedded(), options_.cluster},
      metrics_(metrics),
      servers_(addresses, options_.readers_max),
      keeper_(options_.kept_columns_max, options_.kept_rows_min) {}

ClickHouseStore::~ClickHouseStore() { keeper_.stop(); }

Result<std::unique_ptr<ClickHouseStore>> ClickHouseStore::open(ClickHouseOptions options, Metrics& metrics) {
  MR_ASSIGN(std::vector<clickhouse::Address> addresses, clickhouse::parse_addresses(options.url));
  if (!addresses[0].database.empty()) options.database = addresses[0].database;
  if (!clickhouse::is_plain_name(options.database)) return invalid("the store's database needs a plain name");
  bool several = addresses.size() > 1 && options.cluster.empty();
  if (several) return invalid("several servers hold the same rows only in a cluster, which must be named");
  for (clickhouse::Address& address : addresses) {
    address.user = options.user;
    address.password = options.password;
    // A server that is away does what all shall do when it comes back.
    if (!options.cluster.empty()) {
      address.parameters = "&distributed_ddl_task_timeout=60&distributed_ddl_output_mode=null_status_on_timeout";
    }
  }
  std::unique_ptr<ClickHouseStore> store(new ClickHouseStore(std::move(options), addresses, metrics));
  MR_TRY(store->prepare());
  return store;
}

Result<void> ClickHouseStore::prepare() {
  auto run = [this](const std::string& sql) { return change(sql); };
  MR_TRY(clickhouse::migrate(run, layout_, clickhouse::migrations(layout_)));
  if (clustered()) MR_TRY(look_at_shards());
  MR_TRY(clickhouse::declare(run, layout_, options_.declared));
  MR_TRY(load_kept());
  MR_TRY(load_takeovers());
  if (!clustered()) sweep(std::vector<RecordedTakeover>(takeovers_));  // in a cluster each owner sweeps its own
  keeper_.again();                                                     // what a crash broke off goes on
  keeper_thread_.emplace("store-columns", [this] { keep_properties(); });
  return {};
}

Result<std::string> ClickHouseStore::change(const std::string& sql) {
  MR_ASSIGN(Reply reply, servers_.say_to_any(sql, {}, "", Purpose::kChange, kChangeMsMax));
  return std::move(reply.body);
}

Result<Reply> ClickHouseStore::ask(const std::string& sql, const char* format, const QueryBudget& budget) {
  return servers_.say_to_any(sql, settings_of(budget), format, Purpose::kQuery, budget.time_ms + kQueueMs);
}

Result<std::string> ClickHouseStore::ask(const std::string& sql, const char* format) {
  MR_ASSIGN(Reply reply, ask(sql, format, {kAskMsMax, 0, 0}));
  return std::move(reply.body);
}

Result<std::string> ClickHouseStore::change(PartitionId partition, const std::string& sql) {
  MR_ASSIGN(Writer * writer, this->writer(partition));
  // A server of a cluster that is frozen is given up, not waited for.
  std::int64_t ms_max = clustered() ? kAskMsMax : kChangeMsMax;
  auto [reply, another_may] = servers_.say(writer->server, sql, {}, "", Purpose::kChange, ms_max);
  watch(*writer, another_may);
  if (!reply.ok()) return std::move(reply).error();
  return std::move(reply->body);
}

Result<std::string> ClickHouseStore::ask(PartitionId partition, const std::string& sql, const char* format) {
  MR_ASSIGN(Writer * writer, this->writer(partition));
  clickhouse::Settings settings = settings_of({kAskMsMax, 0, 0});
  if (clustered()) settings.emplace_back("max_parallel_replicas", "1");  // others may lag behind
  auto [reply, another_may] =
      servers_.say(writer->server, sql, settings, format, Purpose::kQuery, kAskMsMax + kQueueMs);
  watch(*writer, another_may);
  if (!reply.ok()) return std::move(reply).error();
  return std::move(reply->body);
}

ClickHouseStore::Writer* ClickHouseStore::own_writer(PartitionId partition) {
  std::lock_guard lock(writers_mutex_);
  std::unique_ptr<Writer>& own = writers_[partition];
  if (!own) own = std::make_unique<Writer>(options_.declared);
  return own.get();
}

Result<ClickHouseStore::Writer*> ClickHouseStore::writer(PartitionId partition) {
  Writer* writer = own_writer(partition);
  if (!writer->attached && clustered()) {
    MR_TRY(attach(partition));
  } else if (!writer->attached) {
    MR_ASSIGN(writer->connection, Connection::create(servers_.address(0)));
    writer->attached = true;
  }
  if (auto kept = keeper_.kept(); kept != writer->kept) {
    writer->block = clickhouse::EventBlock(options_.declared, *kept);
    writer->kept = std::move(kept);
  }
  return writer;
}

Result<void> ClickHouseStore::send(Writer& writer, const std::string& sql, std::string_view data,
                                   const std::string& query_id) {
  writer.restarts = gate_.enter(*writer.connection);
  writer.sent = true;
  Result<Reply> reply = writer.connection->insert(sql, data, kInsertSettings, query_id, options_.insert_ms_max);
  gate_.leave(*writer.connection);
  watch(writer, !reply.ok() && writer.connection->another_may());
  bool in_doubt = !reply.ok() && reply.error().code == Code::kUnknown;
  writer.doubts = in_doubt ? writer.doubts + 1 : 0;
  if (!reply.ok()) return std::move(reply).error();
  return {};
}

Result<void> ClickHouseStore::insert(const EventBatch& batch, std::size_t begin, std::size_t end) {
  if (begin == end) return {};
  MR_ASSIGN(Writer * writer, this->writer(batch.partition));
  expect_strays(batch.partition, batch.epoch);
  std::string_view data = writer->block.encode(batch, begin, end);
  std::string query_id = fmt::format("{}{}-{}-{}", clickhouse::query_prefix(batch.generation, batch.partition),
                                     batch.epoch.value, batch.sequence[begin], ++writer->inserts);
  TimeNs start = system_clock().monotonic();
  Result<void> result = send(*writer, "INSERT INTO " + local("events") + " " + writer->block.columns(), data, query_id);
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
  MR_ASSIGN(writer->connection, Connection::create(servers_.address(0)));  // the old one led to an engine that is gone
  writer->sent = false;
  return {};
}

Result<void> ClickHouseStore::kill_inserts(PartitionId partition) {
  MR_ASSIGN(Writer * writer, this->writer(partition));
  // A server that leaves one insert after the other in doubt is not asked at once again.
  if (writer->doubts > 1) {
    TimeNs now = system_clock().monotonic();
    if (writer->settle_after == 0) writer->settle_after = now + (TimeNs{25'000'000} << std::min(writer->doubts, 8U));
    if (now < writer->settle_after)
      return unavailable("the store doesn't say what becomes of inserts: a moment's pause");
    writer->settle_after = 0;
  }
  std::string mine = clickhouse::inserts_of(options_.generation, partition);
  auto at_home = [&](const std::string& sql, Purpose purpose, std::int64_t ms_max) -> Result<std::string> {
    auto [reply, another_may] = servers_.say(writer->server, sql, {}, "", purpose, ms_max);
    watch(*writer, another_may);
    if (!reply.ok()) return std::move(reply).error();
    return std::move(reply->body);
  };
  std::int64_t ms_max = clustered() ? kKillMsMax : kChangeMsMax;
  MR_TRY(at_home("KILL QUERY WHERE " + mine + " SYNC", Purpose::kChange, ms_max));
  MR_ASSIGN(std::string left, at_home("SELECT count() FROM system.processes WHERE " + mine, Purpose::kQuery, ms_max));
  if (left != "0\n") return unavailable("an insert of the store is still being killed");
  kill_elsewhere(*writer, partition);
  return {};
}

Result<std::string> ClickHouseStore::place_condition(PartitionId partition, SequenceRange range) {
  std::string condition = fmt::format("generation = {} AND `partition` = {} AND sequence >= {} AND sequence < {}",
                                      options_.generation.value, partition.value, range.begin.value, range.end.value);
  std::string owned;
  if (clustered()) {
    MR_ASSIGN(std::vector<RecordedTakeover> takeovers, takeovers_of(partition));
    std::erase_if(takeovers, [](const RecordedTakeover& takeover) { return takeover.swept; });
    owned = clickhouse::owned_rows(takeovers);
  } else {
    MR_TRY(refresh_takeovers());
    owned = owned_rows();
  }
  return owned.empty() ? condition : condition + " AND " + owned;
}

Result<std::vector<SequenceNumber>> ClickHouseStore::present(PartitionId partition, SequenceRange range) {
  MR_ASSIGN(std::string condition, place_condition(partition, range));
  MR_ASSIGN(
      std::string body,
      ask(partition, fmt::format("SELECT sequence FROM {} WHERE {} ORDER BY sequence", local("events"), condition),
          "RowBinary"));
  std::vector<SequenceNumber> found(body.size() / 8);
  for (std::size_t row = 0; row < found.size(); ++row)
    found[row] = SequenceNumber(load_le<std::uint64_t>(body.data() + row * 8));
  return found;
}

Result<StoredRange> ClickHouseStore::count(PartitionId partition, SequenceRange range, bool with_hash) {
  MR_ASSIGN(std::string condition, place_condition(partition, range));
  std::string hash = with_hash ? fmt::format("sumWithOverflow({})", clickhouse::kRowHash) : "toUInt64(0)";
  MR_ASSIGN(std::string body,
            ask(partition, fmt::format("SELECT count(), {} FROM {} WHERE {}", hash, local("events"), condition),
                "RowBinary"));
  if (body.size() != 16) return unavailable("the store's count has another length than it must have");
  return StoredRange{load_le<std::uint64_t>(body.data()), load_le<std::uint64_t>(body.data() + 8)};
}

Result<void> ClickHouseStore::flush() { return options_.flush_disk ? options_.flush_disk() : Result<void>(); }

Result<std::vector<RecordedTakeover>> ClickHouseStore::read_takeovers(const std::string& body) {
  MR_ASSIGN(std::vector<RecordedTakeover> takeovers, clickhouse::parse_takeovers(body));
  if (clickhouse::take_copy_mark(takeovers).open) {
    return unavailable(
        "a copy into this store was begun and has not ended: run the same `millrace migrate store` to its end, or go "
        "back to the store that it copies from");
  }
  return takeovers;
}

Result<void> ClickHouseStore::load_takeovers() {
  MR_ASSIGN(std::string body, ask(clickhouse::select_takeovers(table("owners")), "RowBinary"));
  MR_ASSIGN(std::vector<RecordedTakeover> takeovers, read_takeovers(body));
  std::lock_guard lock(takeovers_mutex_);
  takeovers_ = std::move(takeovers);
  takeovers_loaded_ = system_clock().monotonic();
  return {};
}

Result<std::vector<RecordedTakeover>> ClickHouseStore::takeovers_of(PartitionId partition) {
  std::vector<RecordedTakeover> takeovers;
  if (clustered()) {
    MR_ASSIGN(std::string body, ask(partition, clickhouse::select_takeovers(local("owners")), "RowBinary"));
    MR_ASSIGN(takeovers, read_takeovers(body));
  } else {
    MR_TRY(load_takeovers());
    std::lock_guard lock(takeovers_mutex_);
    takeovers = takeovers_;
  }
  std::erase_if(takeovers, [&](const RecordedTakeover& one) { return one.takeover.partition != partition; });
  return takeovers;
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
  MR_ASSIGN(std::vector<RecordedTakeover> takeovers, takeovers_of(partition));
  Takeover newest{partition, Epoch(0), SequenceNumber(0)};
  for (const RecordedTakeover& recorded : takeovers) {
    if (recorded.generation == options_.generation && recorded.takeover.epoch > newest.epoch)
      newest = recorded.takeover;
  }
  return newest;
}

Result<void> ClickHouseStore::claim(const Takeover& takeover, std::uint64_t claim_number) {
  PartitionId partition = takeover.partition;
  std::string place = fmt::format("generation = {} AND `partition` = {}", options_.generation.value, partition.value);
  // Not repeated by itself: a second row of the same claim changes nothing.
  MR_TRY(change(
      partition,
      fmt::format("INSERT INTO {0} (generation, `partition`, epoch, first, claim, swept, recorded) SELECT {1}, {2}, "
                  "{3}, {4}, {5}, 0, now64(3, 'UTC') WHERE (SELECT max(epoch) FROM {0} WHERE {6}) < {3} SETTINGS "
                  "async_insert = 0, insert_deduplicate = 0",
                  local("owners"), options_.generation.value, partition.value, takeover.epoch.value,
                  takeover.first.value, claim_number, place)));
  MR_TRY(flush());
  // Of two that claim at two replicas, the later one sees both.
  if (clustered()) MR_TRY(sync_owners(partition));
  // Another partition's owner may have swept this takeover by now, and left a row that claims nothing.
  MR_ASSIGN(
      std::string others,
      ask(partition,
          fmt::format("SELECT countIf(swept = 0 AND claim != {0}) = 0, countIf(claim = {0}) > 0 FROM {1} WHERE {2} AND "
                      "epoch >= {3}",
                      claim_number, local("owners"), place, takeover.epoch.value),
          "TabSeparated"));
  if (others == "1\t1\n") return {};
  if (others == "0\t1\n") {  // two at once: neither may believe that it owns the partition
    MR_TRY(change(partition, fmt::format("ALTER TABLE {} DELETE WHERE claim = {} SETTINGS mutations_sync = 1",
                                         local("owners"), claim_number)));
  }
  return invalid(fmt::format("partition {} was taken over by epoch {} or a later one already: this owner is an old one",
                             partition.value, takeover.epoch.value));
}

Result<void> ClickHouseStore::take_over(const Takeover& takeover) {
  MR_TRY(claim(takeover, takeover.claim != 0 ? takeover.claim : random_number()));
  takeovers_loaded_ = 0;  // questions look anew
  MR_ASSIGN(std::vector<RecordedTakeover> takeovers, takeovers_of(takeover.partition));
  sweep(takeovers);
  return {};
}

// What can't be swept now stays filtered, and is swept at the next takeover or start.
void ClickHouseStore::sweep(const std::vector<RecordedTakeover>& takeovers) {
  for (const RecordedTakeover& takeover : takeovers) {
    if (takeover.swept) continue;
    Result<void> swept = sweep_one(takeover);
    if (!swept.ok()) {
      log_warning("rows of an older owner could not be deleted yet; queries leave them out",
                  {{"partition", takeover.takeover.partition.value}, {"reason", swept.error().message}});
      return;
    }
  }
}

Result<void> ClickHouseStore::sweep_one(const RecordedTakeover& swept) {
  PartitionId partition = swept.takeover.partition;
  std::string strays = clickhouse::disowned_rows(swept);
  MR_ASSIGN(std::string count,
            ask(partition, fmt::format("SELECT count() FROM {} WHERE {}", local("events"), strays), "TabSeparated"));
  if (count != "0\n") {
    MR_TRY(change(partition, clickhouse::stop_filling(layout_)));
    MR_TRY(change(partition,
                  fmt::format("ALTER TABLE {} DELETE WHERE {} SETTINGS mutations_sync = 1", local("events"), strays)));
    MR_TRY(flush());
    keeper_.again();
  }
  // At a server an older owner that was paused may still write: its rows stay filtered for a day, and are swept then.
  if (!embedded() && swept.recent) return {};
  MR_TRY(change(
      partition,
      fmt::format(
          "INSERT INTO {} (generation, `partition`, epoch, first, claim, swept, recorded) SELECT {}, {}, {}, {}, 0, 1, "
          "toDateTime64(0, 3, 'UTC') SETTINGS async_insert = 0, insert_deduplicate = 0",
          local("owners"), swept.generation.value, swept.takeover.partition.value, swept.takeover.epoch.value,
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
