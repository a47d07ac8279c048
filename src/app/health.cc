#include "app/health.h"

#include <cstdio>

#include <unistd.h>

#include "app/version.h"
#include "base/json.h"

namespace millrace {
namespace {

std::int64_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) {
    return 0;
  }
  long size = 0;
  long resident = 0;
  int read = std::fscanf(file, "%ld %ld", &size, &resident);
  std::fclose(file);
  return read == 2 ? resident * sysconf(_SC_PAGESIZE) : 0;
}

http::Response text(std::string body) {
  http::Response response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

struct Sums {
  std::uint64_t accepted = 0, rows = 0, repeats = 0, failed = 0, lost = 0;
  bool holds = true;
};

Sums write_partitions(JsonWriter& json, const std::vector<PartitionProgress>& partitions) {
  Sums sums;
  json.key("partitions").begin_array();
  for (const PartitionProgress& partition : partitions) {
    json.begin_object();
    json.key("partition").unsigned_integer(partition.partition.value);
    json.key("epoch").unsigned_integer(partition.epoch.value);
    json.key("durable_end").unsigned_integer(partition.durable_end.value);
    json.key("stored_until").unsigned_integer(partition.stored_until.value);
    json.key("checkpoint_until").unsigned_integer(partition.checkpoint_until.value);
    json.key("lag_ms").integer(partition.lag / 1'000'000);
    json.key("rows").unsigned_integer(partition.rows);
    json.key("repeats").unsigned_integer(partition.repeats);
    json.key("failed").unsigned_integer(partition.failed);
    json.key("lost").unsigned_integer(partition.lost);
    json.key("stopped").boolean(partition.stopped).key("trouble").string(partition.trouble);
    json.end_object();
    sums.accepted += partition.durable_end.value;
    sums.rows += partition.rows;
    sums.repeats += partition.repeats;
    sums.failed += partition.failed;
    sums.lost += partition.lost;
    sums.holds = sums.holds &&
                 partition.stored_until.value == partition.rows + partition.repeats + partition.failed + partition.lost;
  }
  json.end_array();
  return sums;
}

// All of these partitions together.
PartitionViews::Audit audit_of(Views* views, const std::vector<PartitionProgress>& partitions) {
  PartitionViews::Audit all;
  all.live = views != nullptr && !partitions.empty();
  for (std::size_t i = 0; views != nullptr && i < partitions.size(); ++i) {
    PartitionViews& partition = views->partition(partitions[i].partition);
    std::lock_guard lock(partition.lock());
    const PartitionViews::Audit& one = partition.last_audit();
    all.live = all.live && one.live;
    all.holds = all.holds && one.holds;
    all.events += one.events;
  }
  return all;
}

// The line that must always hold: what was accepted and has been processed is stored, a repeat, failed, or (never,
// unless a disk breaks) lost; and each view has seen each row once.
void write_audit(JsonWriter& json, const Sums& sums, const PartitionViews::Audit& views) {
  json.key("audit").begin_object();
  json.key("accepted").unsigned_integer(sums.accepted).key("stored").unsigned_integer(sums.rows);
  json.key("repeats").unsigned_integer(sums.repeats).key("failed").unsigned_integer(sums.failed);
  json.key("lost").unsigned_integer(sums.lost).key("views");
  views.live ? json.unsigned_integer(views.events) : json.null();
  json.key("holds").boolean(sums.holds && sums.lost == 0 && views.holds).end_object();
}

void write_engine(JsonWriter& json, const engine::EngineStatus& status) {
  json.key("engine").begin_object();
  json.key("up").boolean(status.up).key("pid").integer(status.pid);
  json.key("starts").unsigned_integer(status.starts).key("last_exit").string(status.last_exit);
  json.key("version").string(status.version);
  json.key("resident_bytes")
      .unsigned_integer(status.resident_bytes)
      .key("written_bytes")
      .unsigned_integer(status.written_bytes);
  json.key("sandbox").begin_object().key("seccomp").boolean(status.seccomp);
  json.key("landlock_abi").integer(status.landlock_abi).end_object();
  json.end_object();
}

void write_written(JsonWriter& json, const Metrics& metrics, std::uint64_t engine_bytes) {
  json.key("written").begin_object();
  json.key("accepted_bytes").integer(metrics.get(Metric::kIngestAcceptedBytes));
  json.key("log_bytes").integer(metrics.get(Metric::kStreamWrittenBytes));
  json.key("snapshot_bytes").integer(metrics.get(Metric::kProcessSnapshotBytes));
  json.key("insert_bytes").integer(metrics.get(Metric::kStoreInsertBytes));
  json.key("engine_bytes").unsigned_integer(engine_bytes).end_object();
}

void write_disk(JsonWriter& json, const Metrics& metrics, const Result<DiskSpace>& space) {
  json.key("disk").begin_object();
  json.key("total_bytes").unsigned_integer(space.ok() ? space->total_bytes : 0);
  json.key("free_bytes").unsigned_integer(space.ok() ? space->available_bytes : 0);
  json.key("log_bytes").integer(metrics.get(Metric::kStreamBytes)).end_object();
}

}  // namespace

void Health::engine(engine::Supervisor* supervisor) {
  std::lock_guard lock(mutex_);
  engine_ = supervisor;
}

void Health::views(Views& views, const ViewMirror* mirror) {
  std::lock_guard lock(mutex_);
  views_ = &views;
  mirror_ = mirror;
}

void Health::store_trouble(std::string trouble) {
  std::lock_guard lock(mutex_);
  store_trouble_ = std::move(trouble);
}

void Health::draining() {
  std::lock_guard lock(mutex_);
  draining_ = true;
}

// Ready means that events are taken; the store may be behind. Without the role ingest it is the store that counts.
Result<void> Health::ready() {
  std::lock_guard lock(mutex_);
  if (draining_) {
    return unavailable("the server is stopping");
  }
  if (!roles_.ingest && !store_trouble_.empty()) {
    return unavailable("the store: " + store_trouble_);
  }
  return stream_.health();
}

void Health::refresh_gauges() {
  metrics_.set(Metric::kServerResidentBytes, resident_bytes());
  metrics_.set(Metric::kServerReady, ready().ok() ? 1 : 0);
  (void)progress_.partitions();  // brings its metrics up to date
  std::lock_guard lock(mutex_);
  if (engine_ != nullptr) {
    (void)engine_->status();  // brings its metrics up to date
  }
}

std::string Health::describe() {
  Result<void> taking = ready();
  std::lock_guard lock(mutex_);
  JsonWriter json;
  json.begin_object().key("version").string(kVersion).key("ready").boolean(taking.ok());
  json.key("reason");
  taking.ok() ? json.null() : json.string(taking.error().message);
  json.key("roles").string(names_of(roles_));
  json.key("generation").unsigned_integer(stream_.generation().value);
  std::vector<PartitionProgress> partitions = progress_.partitions();
  Sums sums = write_partitions(json, partitions);
  write_audit(json, sums, audit_of(views_, partitions));
  if (mirror_ != nullptr) {
    mirror_->describe(json);
  }
  json.key("store").begin_object().key("open").boolean(store_trouble_.empty()).key("reason");
  store_trouble_.empty() ? json.null() : json.string(store_trouble_);
  json.end_object();
  std::uint64_t engine_bytes = 0;
  if (engine_ != nullptr) {
    engine::EngineStatus status = engine_->status();
    engine_bytes = status.written_bytes;
    write_engine(json, status);
  } else {
    json.key("engine").null();
  }
  write_written(json, metrics_, engine_bytes);
  write_disk(json, metrics_, files_.space(data_));
  json.key("ids").begin_object().key("remembered").integer(metrics_.get(Metric::kProcessIds));
  json.key("window_s").integer(metrics_.get(Metric::kProcessIdWindow) / 1'000'000).end_object();
  json.key("http").begin_object().key("connections").integer(metrics_.get(Metric::kHttpConnections));
  json.key("requests").integer(metrics_.get(Metric::kHttpRequests)).end_object();
  json.key("failed_events_total").integer(metrics_.get(Metric::kIngestRejectedEvents));
  json.key("server_resident_bytes").integer(resident_bytes()).end_object();
  return json.take();
}

void Health::get_healthz(const Principal&, std::unique_ptr<http::Exchange> exchange) { exchange->reply(text("ok\n")); }

void Health::get_readyz(const Principal&, std::unique_ptr<http::Exchange> exchange) {
  Result<void> taking = ready();
  if (taking.ok()) {
    return exchange->reply(text("ready\n"));
  }
  http::Response response = http::problem(503, "unavailable", "Not ready at the moment", taking.error().message);
  response.headers.emplace_back("Retry-After", "5");
  exchange->reply(std::move(response));
}

void Health::get_health(const Principal&, std::unique_ptr<http::Exchange> exchange) {
  http::Response response;
  response.body = describe();
  response.headers.emplace_back("Cache-Control", "no-store");
  exchange->reply(std::move(response));
}

void Health::get_metrics(const Principal&, std::unique_ptr<http::Exchange> exchange) {
  refresh_gauges();
  http::Response response = text(metrics_.exposition());
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  exchange->reply(std::move(response));
}

}  // namespace millrace
