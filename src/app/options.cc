#include "app/options.h"

#include <algorithm>
#include <cstdint>
#include <thread>

#include <sys/resource.h>

#include "app/engine_library.h"

namespace millrace {
namespace {

std::int64_t ns(std::chrono::milliseconds duration) { return duration.count() * 1'000'000; }

// Log, store and engine need descriptors too: connections leave them some.
constexpr std::size_t kDescriptorsKept = 256;

// What a replica has, the others have seconds later: a checkpoint that waits so long is of rows that they all have, and
// a replica that goes takes little with it that must be written again.
constexpr std::int64_t kClusterTrailNs = 10'000'000'000;
// A server of a cluster that is frozen is given up after so long; a single one is waited for.
constexpr std::int64_t kClusterInsertMsMax = 30'000;

std::size_t connections_there_is_room_for() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return SIZE_MAX;
  }
  return limit.rlim_cur - std::min<std::size_t>(kDescriptorsKept, limit.rlim_cur / 2);
}

DeclaredProperty::Type property_type(const std::string& type) {
  if (type == "integer") {
    return DeclaredProperty::Type::kInteger;
  }
  if (type == "number") {
    return DeclaredProperty::Type::kNumber;
  }
  return type == "boolean" ? DeclaredProperty::Type::kBoolean : DeclaredProperty::Type::kString;
}

}  // namespace

http::Limits http_limits(const SettingValues& values) {
  http::Limits limits;
  limits.connections = std::min(static_cast<std::size_t>(values.http_connections), connections_there_is_room_for());
  limits.connections_per_address = static_cast<std::size_t>(values.http_connections_per_address);
  return limits;
}

unsigned http_threads(const SettingValues& values) {
  return values.http_threads > 0 ? static_cast<unsigned>(values.http_threads)
                                 : std::max(1U, std::thread::hardware_concurrency());
}

IngestLimits ingest_limits(const SettingValues& values) {
  IngestLimits limits;
  limits.body_bytes_max = values.http_body_max;
  limits.unpacked_bytes_max = values.http_unpacked_max;
  limits.in_flight_bytes_max = values.ingest_in_flight_bytes;
  limits.waiting_ms_max = values.ingest_waiting_max.count();
  limits.event_bytes_max = values.ingest_event_bytes_max;
  limits.batch_events_max = static_cast<std::size_t>(values.ingest_batch_events_max);
  return limits;
}

QueryLimits query_limits(const SettingValues& values) {
  QueryLimits limits;
  limits.threads = static_cast<unsigned>(values.query_threads);
  limits.queue = static_cast<std::size_t>(values.query_queue);
  limits.budget.time_ms = values.query_time_max.count();
  limits.budget.memory_bytes = static_cast<std::int64_t>(values.query_memory_max);
  limits.budget.rows_read = values.query_rows_max;
  return limits;
}

ProcessorOptions processor_options(const SettingValues& values, const std::string& data) {
  ProcessorOptions options;
  options.folder = data + "/process";
  options.store = store_name(values);
  if (!values.store_cluster.empty()) {
    options.checkpoint_trail_ns = kClusterTrailNs;
  }
  options.batch_rows_max = static_cast<std::uint32_t>(values.process_batch_rows);
  options.batch_bytes_max = values.process_batch_bytes;
  options.batch_age_ns_max = ns(values.process_batch_age);
  options.checkpoint_interval_ns = ns(values.process_checkpoint_interval);
  options.snapshot_log_bytes = values.process_snapshot_log_bytes;
  options.ids.ids_max = static_cast<std::uint64_t>(values.process_ids);
  options.ids.window_ns = ns(values.process_id_window);
  return options;
}

std::vector<DeclaredProperty> declared_properties(const SettingValues& values) {
  std::vector<DeclaredProperty> declared;
  for (const PropertySetting& property : values.properties) {
    declared.push_back({property.name, property_type(property.type)});
  }
  return declared;
}

LiveLimits live_limits(const SettingValues& values) {
  LiveLimits limits;
  limits.viewers = static_cast<std::size_t>(values.live_viewers);
  return limits;
}

std::vector<DeclaredField> declared_fields(const SettingValues& values) {
  std::vector<DeclaredField> fields;
  for (const DeclaredProperty& property : declared_properties(values)) {
    DeclaredField field{{}, static_cast<DeclaredField::Type>(property.type)};
    std::string_view rest = property.name;
    for (std::size_t dot = 0; dot != std::string_view::npos; rest.remove_prefix(dot + 1)) {
      dot = rest.find('.');
      field.path.emplace_back(rest.substr(0, dot));
      if (dot == std::string_view::npos) {
        break;
      }
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

std::string store_name(const std::string& url) {
  if (url.empty()) {
    return "embedded";
  }
  std::size_t host = url.find("://");
  host = host == std::string::npos ? 0 : host + 3;
  std::size_t path = std::min(url.find('/', host), url.size());
  std::size_t user = url.rfind('@', path);
  host = user == std::string::npos || user < host ? host : user + 1;
  std::string database = path + 1 < url.size() ? url.substr(path) : "/millrace";
  return url.substr(host, path - host) + database;
}

std::string store_name(const SettingValues& values) {
  std::string name = store_name(values.store_url);
  return values.store_cluster.empty() ? name : values.store_cluster + name.substr(name.rfind('/'));
}

Result<void> check_store(const SettingValues& values) {
  if (values.store_url.empty()) {
    return values.store_cluster.empty() ? Result<void>()
                                        : invalid("store.cluster needs the cluster's servers in store.url");
  }
  MR_ASSIGN(std::vector<clickhouse::Address> servers, clickhouse::parse_addresses(values.store_url));
  if (values.store_cluster.empty() && servers.size() > 1) {
    return invalid(
        "store.url names several servers, which hold the same rows only in a cluster: name it in store.cluster, or one "
        "server");
  }
  if (!values.store_cluster.empty() && !clickhouse::is_cluster_name(values.store_cluster)) {
    return invalid("store.cluster may have letters, digits, underscores, dashes and dots only");
  }
  return {};
}

void set_store(ClickHouseOptions& options, const SettingValues& values) {
  options.url = values.store_url;
  options.cluster = values.store_cluster;
  if (!options.cluster.empty()) {
    options.insert_ms_max = kClusterInsertMsMax;
  }
}

Result<engine::SupervisorOptions> engine_options(const SettingValues& values, const std::string& data,
                                                 const std::string& program) {
  engine::SupervisorOptions options;
  options.program = {program, "engine"};
  options.data_folder = data + "/engine";
  MR_ASSIGN(options.libchdb, find_engine_library(values.engine_lib, program));
  options.public_listen = values.engine_listen;
  options.public_user = values.engine_user;
  options.public_password = values.engine_password;
  options.memory_bytes_max = values.engine_memory;
  options.queries_max = static_cast<unsigned>(values.engine_concurrency);
  options.threads = std::max(1U, std::thread::hardware_concurrency());
  return options;
}

}  // namespace millrace
