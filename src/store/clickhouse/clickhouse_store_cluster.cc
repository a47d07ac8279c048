// A store of several servers: whom a partition's owner works with. docs/adr/0103-an-owner-works-with-one-replica.md
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/log.h"
#include "io/clock.h"
#include "store/clickhouse/clickhouse_store.h"
#include "store/clickhouse/schema.h"
#include "store/clickhouse/sql_text.h"

namespace millrace {

using clickhouse::Connection;
using clickhouse::Purpose;
using clickhouse::quote_string;

namespace {

constexpr std::int64_t kSyncMsMax = 30'000;
constexpr std::int64_t kSyncEventsMsMax = 5'000;  // of an owner that goes on without, if need be
constexpr std::int64_t kKillElsewhereMsMax = 2'000;

}  // namespace

Result<void> ClickHouseStore::look_at_shards() {
  auto run = [this](const std::string& sql) { return change(sql); };
  MR_ASSIGN(std::string text, change(fmt::format("SELECT max(shard_num) FROM system.clusters WHERE cluster = {}",
                                                 quote_string(layout_.cluster))));
  shards_ = 0;
  std::from_chars(text.data(), text.data() + text.size(), shards_);
  if (shards_ == 0) {
    return invalid(fmt::format("the servers of store.url know no cluster {}: see system.clusters", layout_.cluster));
  }
  return clickhouse::check_shards(run, layout_, shards_);
}

std::uint32_t ClickHouseStore::shard_of(PartitionId partition) const { return partition.value % shards_ + 1; }

// What owners leave for each other must be whole. Of the rows, what lags behind is written again, if it must be: so it
// is waited for, but not for long.
Result<void> ClickHouseStore::join(Writer& writer, std::size_t server) {
  MR_TRY(sync_replica(server, "owners", kSyncMsMax));
  MR_TRY(sync_replica(server, "state", kSyncMsMax));
  Result<void> rows = sync_replica(server, "events", kSyncEventsMsMax);
  if (!rows.ok()) {
    log_warning("a replica of the store lags behind; what it lacks is written again",
                {{"server", clickhouse::store_host(servers_.address(server).url)}, {"reason", rows.error().message}});
  }
  MR_ASSIGN(writer.connection, Connection::create(servers_.address(server)));
  writer.server = server;
  writer.attached = true;
  writer.failing_since = 0;
  writer.doubts = 0;
  return {};
}

Result<void> ClickHouseStore::sync_replica(std::size_t server, const char* name, std::int64_t timeout_ms) {
  MR_ASSIGN(auto connection, servers_.pool(server).lease());
  return connection->wait_for(fmt::format("SYSTEM SYNC REPLICA {} LIGHTWEIGHT", local(name)), timeout_ms);
}

Result<void> ClickHouseStore::sync_owners(PartitionId partition) {
  MR_ASSIGN(Writer * writer, this->writer(partition));
  return sync_replica(writer->server, "owners", kSyncMsMax);
}

Result<bool> ClickHouseStore::attach(PartitionId partition) {
  if (!clustered()) return false;
  Writer* writer = own_writer(partition);
  std::size_t before = writer->server;
  // The owners of a shard's partitions begin at different replicas.
  std::size_t first = !writer->attached ? partition.value / shards_ : before + (detached(partition) ? 1 : 0);
  Result<void> joined = unavailable(fmt::format("store.url names no server of shard {}", shard_of(partition)));
  for (std::size_t turn = 0; turn < servers_.count(); ++turn) {
    std::size_t server = (first + turn) % servers_.count();
    Result<std::uint32_t> shard = servers_.shard(server, layout_.cluster);
    if (shard.ok() && *shard != shard_of(partition)) continue;
    joined = shard.ok() ? join(*writer, server) : Result<void>(shard.error());
    if (joined.ok()) {
      log_info("a partition is written to a server of the cluster",
               {{"partition", partition.value},
                {"shard", shard_of(partition)},
                {"server", clickhouse::store_host(servers_.address(server).url)}});
      return server != before;
    }
  }
  return unavailable(fmt::format("no server of shard {} of the cluster {} can be worked with: {}", shard_of(partition),
                                 layout_.cluster, joined.error().message));
}

void ClickHouseStore::watch(Writer& writer, bool failed) {
  TimeNs now = system_clock().monotonic();
  writer.failing_since = !failed ? 0 : writer.failing_since != 0 ? writer.failing_since : now;
}

bool ClickHouseStore::detached(PartitionId partition) {
  if (!clustered()) return false;
  std::lock_guard lock(writers_mutex_);
  auto found = writers_.find(partition);
  if (found == writers_.end() || found->second->failing_since == 0) return false;
  return system_clock().monotonic() - found->second->failing_since >= options_.patience_ms * 1'000'000;
}

Result<void> ClickHouseStore::catch_up(PartitionId partition) {
  if (!clustered()) return {};
  MR_ASSIGN(Writer * writer, this->writer(partition));
  return sync_replica(writer->server, "events", kSyncMsMax);
}

// An owner that went to another replica, or was only paused, may have left inserts there. Takeovers disown what they
// bring; that they are ended where it can be done spares the sweep.
void ClickHouseStore::kill_elsewhere(const Writer& writer, PartitionId partition) {
  for (std::size_t server = 0; clustered() && server < servers_.count(); ++server) {
    Result<std::uint32_t> shard = servers_.shard(server, layout_.cluster);
    if (server == writer.server || !shard.ok() || *shard != shard_of(partition)) continue;
    std::string sql = "KILL QUERY WHERE " + clickhouse::inserts_of(options_.generation, partition);
    (void)servers_.say(server, sql, {}, "", Purpose::kChange, kKillElsewhereMsMax).reply.ok();
  }
}

}  // namespace millrace
