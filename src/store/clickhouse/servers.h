#pragma once
// The servers of a store: one, or the replicas of the shards of a cluster. Readers ask any of them, in turn when one
// can't answer; who writes a partition keeps to one of its shard (docs/adr/0103-an-owner-works-with-one-replica.md).

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/clickhouse/connection_pool.h"

namespace millrace::clickhouse {

// Any thread.
class Servers {
 public:
  Servers(const std::vector<Address>& addresses, std::size_t connections_max);

  std::size_t count() const { return servers_.size(); }
  const Address& address(std::size_t server) const { return servers_[server]->address; }
  ConnectionPool& pool(std::size_t server) { return servers_[server]->pool; }

  // A statement at one server.
  struct Said {
    Result<Reply> reply;
    bool another_may = false;  // the trouble is this server's own
  };
  Said say(std::size_t server, const std::string& sql, const Settings& settings, std::string_view format,
           Purpose purpose, std::int64_t timeout_ms);
  // At the server that answered last, or else at the others in turn: with questions, and statements that may be run
  // again.
  Result<Reply> say_to_any(const std::string& sql, const Settings& settings, std::string_view format, Purpose purpose,
                           std::int64_t timeout_ms);
  Result<void> ping_any(std::int64_t timeout_ms);

  // From 1 on, by the server's own word, which is asked for once. kInvalid: it is in no shard of this cluster.
  Result<std::uint32_t> shard(std::size_t server, const std::string& cluster);

 private:
  struct Server {
    Server(const Address& its, std::size_t connections_max) : address(its), pool(its, connections_max) {}
    Address address;
    ConnectionPool pool;
    std::atomic<std::uint32_t> shard{0};  // 0: not known yet
  };
  std::vector<std::unique_ptr<Server>> servers_;
  std::atomic<std::size_t> answered_last_{0};
};

}  // namespace millrace::clickhouse
