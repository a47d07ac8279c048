#pragma once
// Where the tables lie: on one server, or on the servers of a cluster. There every shard has tables of its own, copied
// among its replicas, which are written and asked by owners; what readers ask is laid over all shards.
// docs/adr/0103-an-owner-works-with-one-replica.md

#include <string>

namespace millrace::clickhouse {

struct Layout {
  std::string database;
  bool durable_tables = false;  // the engine's disk is not ours to sync, so its tables sync for themselves
  std::string cluster;          // its name in the servers' configuration; empty: one server

  // For readers: of all shards.
  std::string table(const char* name) const;
  // For writers: on one server the same; in a cluster of the shard that the server is in.
  std::string local(const char* name) const;
  std::string local_name(const char* name) const;  // without the database
  // " ON CLUSTER `name`", behind the table of a statement that all servers shall run; else nothing.
  std::string on_cluster() const;
  // "MergeTree", "ReplacingMergeTree(version)", or the same replicated within a shard.
  std::string engine(const char* kind, const char* parameters, const char* name) const;
  // A table of `system` that tells of parts or mutations: of all servers.
  std::string everywhere(const char* system_table) const;
};

// Letters, digits, '_', '-' and '.', at most 64.
bool is_cluster_name(const std::string& name);

}  // namespace millrace::clickhouse
