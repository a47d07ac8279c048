#pragma once
// The store in ClickHouse: the embedded engine, a server or a cluster, by nothing but addresses and two functions.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "io/thread.h"
#include "store/clickhouse/event_block.h"
#include "store/clickhouse/insert_gate.h"
#include "store/clickhouse/layout.h"
#include "store/clickhouse/metric_sql.h"
#include "store/clickhouse/ownership.h"
#include "store/clickhouse/property_keeper.h"
#include "store/clickhouse/servers.h"
#include "store/shared_state.h"
#include "store/store.h"

namespace millrace {

struct ClickHouseOptions {
  std::string url;  // "http(s)://user:password@host:port/database" or "unix:/path/to.sock"; for a cluster several hosts
  std::string cluster;                // its name in the servers' configuration; empty: one server
  std::string user, password;         // for a Unix socket
  std::string database = "millrace";  // when the URL names none
  Generation generation;
  std::vector<DeclaredProperty> declared;
  // Embedded: ends the engine and starts it anew, so that nothing sent before can take effect. Empty: a server, whose
  // inserts are killed by their query id.
  std::function<Result<void>()> restart_engine;
  // Embedded: makes the engine's disk durable. Empty: a server, whose tables sync for themselves.
  std::function<Result<void>()> flush_disk;
  std::size_t readers_max = 16;  // queries at once
  std::int64_t insert_ms_max = 120'000;
  // A server of a cluster that can't answer an owner for so long is given up by it.
  std::int64_t patience_ms = 5'000;
  // Properties that are asked about get at most so many columns, when two questions about them read so many rows.
  std::size_t kept_columns_max = 64;
  std::uint64_t kept_rows_min = 100'000;
};

// Reader calls from any thread; writer calls from one thread a partition, and several partitions at once.
class ClickHouseStore final : public StoreWriter, public StoreReader, public SharedState {
 public:
  // Brings the tables to the newest version and adds the declared columns. kInvalid: wrong options, a newer schema, a
  // property that is kept as another type. kUnavailable: no answer.
  static Result<std::unique_ptr<ClickHouseStore>> open(ClickHouseOptions options, Metrics& metrics);
  ~ClickHouseStore() override;

  Result<bool> attach(PartitionId partition) override;
  bool detached(PartitionId partition) override;
  Result<void> catch_up(PartitionId partition) override;
  Result<void> insert(const EventBatch& batch, std::size_t begin, std::size_t end) override;
  Result<void> settle(PartitionId partition) override;
  Result<std::vector<SequenceNumber>> present(PartitionId partition, SequenceRange range) override;
  Result<StoredRange> count(PartitionId partition, SequenceRange range, bool with_hash) override;
  Result<void> flush() override;
  Result<Takeover> owner(PartitionId partition) override;
  Result<void> take_over(const Takeover& takeover) override;

  Result<std::vector<std::string>> names(const Takeover& owner) override;
  Result<std::string> read(const Takeover& owner, const std::string& name) override;
  Result<void> write(const Takeover& owner, const std::string& name, std::string_view bytes) override;
  Result<void> remove(const Takeover& owner, const std::vector<std::string>& names) override;
  Result<void> copy(const Takeover& from, const Takeover& to) override;
  Result<void> forget_before(const Takeover& owner) override;

  Result<QueryAnswer> query(const MetricQuery& query, const QueryBudget& budget) override;
  Result<std::vector<std::string>> events(const EventsQuery& query, const QueryBudget& budget) override;
  Result<SchemaAnswer> schema(const std::string& project, const QueryBudget& budget) override;
  Result<TimeNs> calendar(Every unit, TimeNs at, int steps, const std::string& time_zone) override;
  Result<TimeNs> instant(TimeNs local, const std::string& time_zone) override;
  Result<std::vector<TimeNs>> buckets(Every every, TimeNs from, TimeNs to, const std::string& time_zone) override;
  Result<void> ping() override;

 private:
  // What belongs to the one thread that writes a partition.
  struct Writer {
    explicit Writer(const std::vector<DeclaredProperty>& declared) : block(declared) {}
    std::unique_ptr<clickhouse::Connection> connection;
    std::size_t server = 0;    // that it leads to
    bool attached = false;     // always, where there is one server
    TimeNs failing_since = 0;  // monotonic; 0 when the server could do what was asked last
    unsigned doubts = 0;       // inserts whose outcome was unknown, one after the other
    TimeNs settle_after = 0;   // monotonic
    clickhouse::EventBlock block;
    std::uint64_t restarts = 0;  // of the engine, when the last insert began
    bool sent = false;           // an insert was sent since the last settle()
    std::uint64_t inserts = 0;
    std::shared_ptr<const std::vector<clickhouse::KeptProperty>> kept;  // in the block; see PropertyKeeper::kept()
  };

  ClickHouseStore(ClickHouseOptions options, const std::vector<clickhouse::Address>& addresses, Metrics& metrics);
  bool embedded() const { return static_cast<bool>(options_.restart_engine); }
  bool clustered() const { return !layout_.cluster.empty(); }
  std::string table(const char* name) const { return layout_.table(name); }
  std::string local(const char* name) const { return layout_.local(name); }
  std::string state_of(const Takeover& owner) const;  // a condition on the rows of `state`

  Result<void> prepare();
  Writer* own_writer(PartitionId partition);
  Result<Writer*> writer(PartitionId partition);  // attached
  // At any server.
  Result<std::string> change(const std::string& sql);  // a statement that may be run again
  Result<std::string> ask(const std::string& sql, const char* format);
  Result<clickhouse::Reply> ask(const std::string& sql, const char* format, const QueryBudget& budget);
  // At the one that the partition's owner works with.
  Result<std::string> change(PartitionId partition, const std::string& sql);
  Result<std::string> ask(PartitionId partition, const std::string& sql, const char* format);
  Result<void> kill_inserts(PartitionId partition);

  // Several servers: clickhouse_store_cluster.cc.
  Result<void> look_at_shards();
  std::uint32_t shard_of(PartitionId partition) const;  // from 1 on
  Result<void> join(Writer& writer, std::size_t server);
  Result<void> sync_owners(PartitionId partition);
  Result<void> sync_replica(std::size_t server, const char* name, std::int64_t timeout_ms);
  void watch(Writer& writer, bool failed);  // after each statement of an owner
  void kill_elsewhere(const Writer& writer, PartitionId partition);
  Result<void> send(Writer& writer, const std::string& sql, std::string_view data, const std::string& query_id);

  // Columns of properties that are asked about: clickhouse_store_columns.cc.
  void keep_properties();
  Result<void> keep_property(clickhouse::KeptProperty property);
  Result<void> load_kept();
  void look_at_columns();

  static Result<std::vector<clickhouse::RecordedTakeover>> read_takeovers(const std::string& body);
  Result<void> load_takeovers();
  Result<void> refresh_takeovers();
  // As the server has them that the owner works with.
  Result<std::vector<clickhouse::RecordedTakeover>> takeovers_of(PartitionId partition);
  Result<void> claim(const Takeover& takeover, std::uint64_t claim_number);
  void sweep(const std::vector<clickhouse::RecordedTakeover>& takeovers);
  Result<void> sweep_one(const clickhouse::RecordedTakeover& takeover);
  void expect_strays(PartitionId partition, Epoch epoch);
  std::string owned_rows() const;
  Result<clickhouse::QuerySchema> query_schema();
  Result<std::string> place_condition(PartitionId partition, SequenceRange range);
  Result<std::vector<FieldSummary>> field_summaries(const std::string& sample, const QueryBudget& budget);
  Result<std::string> ask_calendar(const std::string& sql, const std::string& time_zone);

  ClickHouseOptions options_;
  clickhouse::Layout layout_;
  Metrics& metrics_;
  clickhouse::Servers servers_;
  std::uint32_t shards_ = 1;
  clickhouse::InsertGate gate_;
  std::mutex writers_mutex_;
  std::map<PartitionId, std::unique_ptr<Writer>> writers_;
  mutable std::mutex takeovers_mutex_;
  std::vector<clickhouse::RecordedTakeover> takeovers_;
  std::atomic<TimeNs> takeovers_loaded_{0};      // monotonic
  std::atomic<std::uint64_t> state_version_{0};  // claims are drawn anew, so it may begin anew, too
  std::mutex calendar_mutex_;
  struct CalendarEntry {
    TimeNs begin, end, moved;
  };
  std::map<std::string, CalendarEntry> calendar_;
  clickhouse::PropertyKeeper keeper_;
  std::optional<Thread> keeper_thread_;  // the last member: it uses the others
};

}  // namespace millrace
