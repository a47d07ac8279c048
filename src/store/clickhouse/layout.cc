#include "store/clickhouse/layout.h"

#include <algorithm>

#include <fmt/format.h>

#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {

std::string Layout::table(const char* name) const { return quote_name(database) + "." + name; }

std::string Layout::local_name(const char* name) const {
  std::string text = name;
  bool shared = text == "events" || text == "owners";
  return cluster.empty() || !shared ? text : text + "_local";
}

std::string Layout::local(const char* name) const { return quote_name(database) + "." + local_name(name); }

std::string Layout::on_cluster() const { return cluster.empty() ? "" : " ON CLUSTER " + quote_name(cluster); }

// Paths by name, not by the table's UUID: a replica that is added later finds the others by them. The versions are for
// all shards, so that one of them can't be without.
std::string Layout::engine(const char* kind, const char* parameters, const char* name) const {
  std::string own = parameters;
  if (cluster.empty()) return own.empty() ? kind : fmt::format("{}({})", kind, own);
  bool everywhere = std::string(name) == "schema_version";
  return fmt::format("Replicated{}('/clickhouse/tables/{}/{}/{}', '{}'{}{})", kind, everywhere ? "all" : "{shard}",
                     database, name, everywhere ? "{shard}-{replica}" : "{replica}", own.empty() ? "" : ", ", own);
}

std::string Layout::everywhere(const char* system_table) const {
  if (cluster.empty()) return fmt::format("system.{}", system_table);
  return fmt::format("clusterAllReplicas({}, system.{})", quote_string(cluster), system_table);
}

bool is_cluster_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  });
}

}  // namespace millrace::clickhouse
