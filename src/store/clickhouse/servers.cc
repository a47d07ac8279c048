#include "store/clickhouse/servers.h"

#include <charconv>

#include <fmt/format.h>

#include "base/log.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

constexpr std::int64_t kShardMsMax = 5'000;

}  // namespace

Servers::Servers(const std::vector<Address>& addresses, std::size_t connections_max) {
  for (const Address& address : addresses) servers_.push_back(std::make_unique<Server>(address, connections_max));
}

Servers::Said Servers::say(std::size_t server, const std::string& sql, const Settings& settings,
                           std::string_view format, Purpose purpose, std::int64_t timeout_ms) {
  Result<ConnectionPool::Lease> connection = pool(server).lease();
  if (!connection.ok()) return {std::move(connection).error(), false};
  Result<Reply> reply = (*connection)->run(sql, settings, format, purpose, timeout_ms);
  bool another_may = !reply.ok() && (*connection)->another_may();
  return {std::move(reply), another_may};
}

Result<Reply> Servers::say_to_any(const std::string& sql, const Settings& settings, std::string_view format,
                                  Purpose purpose, std::int64_t timeout_ms) {
  std::size_t first = answered_last_;
  for (std::size_t turn = 0;; ++turn) {
    std::size_t server = (first + turn) % count();
    Said said = say(server, sql, settings, format, purpose, timeout_ms);
    if (!said.another_may) {
      if (turn > 0) answered_last_ = server;
      return std::move(said.reply);
    }
    if (turn + 1 == count()) return std::move(said.reply);
    log_warning("a server of the store doesn't answer, the next one is asked",
                {{"server", store_host(address(server).url)}, {"reason", said.reply.error().message}});
  }
}

Result<void> Servers::ping_any(std::int64_t timeout_ms) {
  Result<void> answer = unavailable("the store has no server");
  for (std::size_t turn = 0; turn < count(); ++turn) {
    std::size_t server = (answered_last_ + turn) % count();
    MR_ASSIGN(ConnectionPool::Lease connection, pool(server).lease());
    answer = connection->ping(timeout_ms);
    if (answer.ok()) break;
  }
  return answer;
}

Result<std::uint32_t> Servers::shard(std::size_t server, const std::string& cluster) {
  std::uint32_t known = servers_[server]->shard;
  if (known != 0) return known;
  std::string sql =
      fmt::format("SELECT max(shard_num) FROM system.clusters WHERE cluster = {} AND is_local", quote_string(cluster));
  Said said = say(server, sql, {}, "TabSeparated", Purpose::kQuery, kShardMsMax);
  if (!said.reply.ok()) return std::move(said.reply).error();
  std::from_chars(said.reply->body.data(), said.reply->body.data() + said.reply->body.size(), known);
  if (known == 0) {
    return invalid(fmt::format("{} is in no shard of the cluster {}: name the servers of that cluster in store.url",
                               store_host(address(server).url), cluster));
  }
  servers_[server]->shard = known;
  return known;
}

}  // namespace millrace::clickhouse
