#pragma once
// Settings, turned into what each part asks for.

#include <string>
#include <vector>

#include "base/settings.h"
#include "engine/supervisor.h"
#include "http/server.h"
#include "ingest/ingest_api.h"
#include "process/options.h"
#include "query/live_api.h"
#include "query/query_api.h"
#include "store/clickhouse/clickhouse_store.h"

namespace millrace {

http::Limits http_limits(const SettingValues& values);
unsigned http_threads(const SettingValues& values);
IngestLimits ingest_limits(const SettingValues& values);
QueryLimits query_limits(const SettingValues& values);
ProcessorOptions processor_options(const SettingValues& values, const std::string& data);
LiveLimits live_limits(const SettingValues& values);
std::vector<DeclaredField> declared_fields(const SettingValues& values);  // the same, for views
std::vector<DeclaredProperty> declared_properties(const SettingValues& values);
// What the store at a URL is called in files and messages, without user and password: "host:port/database". "embedded"
// for an empty one.
std::string store_name(const std::string& url);
// The same of the store that the settings name: "cluster/database" for a cluster, whose servers come and go.
std::string store_name(const SettingValues& values);
// kInvalid: an address or a cluster that can't be one, several servers without a cluster, a cluster without servers.
Result<void> check_store(const SettingValues& values);
// Where the store is, when it isn't the embedded engine.
void set_store(ClickHouseOptions& options, const SettingValues& values);
// kNotFound when libchdb.so is nowhere.
Result<engine::SupervisorOptions> engine_options(const SettingValues& values, const std::string& data,
                                                 const std::string& program);

}  // namespace millrace
