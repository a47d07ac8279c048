#pragma once
// One statement at a time over ClickHouse's HTTP interface, and what its errors mean for Millrace.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "http/client.h"

namespace millrace::clickhouse {

using Settings = std::vector<std::pair<std::string, std::string>>;

// Where the store is: "http(s)://user:password@host:port/database" or "unix:/path/to.sock", taken apart.
struct Address {
  std::string url;              // without the database
  std::string database;         // empty when the URL names none
  std::string user, password;   // sent with every request when there is a user; for Unix sockets
  std::string parameters = {};  // of every statement without data: settings as a URL has them, "&name=value"
};
Result<Address> parse_address(const std::string& url);
// "http(s)://user:password@host:port,host:port/database": one for each host, in the order of the URL.
Result<std::vector<Address>> parse_addresses(const std::string& url);
// "host:port" of one server's URL, for messages: without user and password.
std::string store_host(const std::string& url);

struct Reply {
  std::string body;
  std::uint64_t rows_read = 0;
};

// What an error is worth depends on what was asked.
enum class Purpose {
  kQuery,   // kInvalid, kFull or kUnavailable; an unknown outcome of a question is kUnavailable
  kInsert,  // as StoreWriter::insert says
  kChange,  // statements that may be run again; kInvalid, kFull, kUnavailable or kUnknown
};

// Whether the trouble is this server's own, so that another replica of its tables may do what it can't: it is going
// down, its table is read-only, it has lost its Keeper or its peers. 0: no code.
bool is_servers_own(int status, int exception_code);

// The error that an answer with this status and X-ClickHouse-Exception-Code (0: none) is. `message` is the body.
Error classify(Purpose purpose, int status, int exception_code, std::string_view message);

// One thread at a time, but for cancel().
class Connection {
 public:
  static Result<std::unique_ptr<Connection>> create(const Address& address);
  Connection(std::unique_ptr<http::Client> client, const Address& address)
      : client_(std::move(client)),
        user_(address.user),
        password_(address.password),
        target_("/?wait_end_of_query=1" + address.parameters) {}

  // A statement without data. Settings and format (empty: TabSeparated) are put behind it. A question that meets a
  // connection which has died meanwhile is asked again.
  Result<Reply> run(const std::string& sql, const Settings& settings, std::string_view format, Purpose purpose,
                    std::int64_t timeout_ms);
  // "SYSTEM SYNC REPLICA table LIGHTWEIGHT", and the like, which take no settings behind them.
  Result<void> wait_for(const std::string& sql, std::int64_t timeout_ms);
  // "INSERT INTO table (columns)" of data in the Native format.
  Result<Reply> insert(const std::string& sql, std::string_view data, const Settings& settings,
                       const std::string& query_id, std::int64_t timeout_ms);
  Result<void> ping(std::int64_t timeout_ms);
  void cancel() { client_->cancel(); }
  // Of the last error: nothing was heard, or what was heard is_servers_own().
  bool another_may() const { return another_may_; }

 private:
  Result<Reply> send(const std::string& target, std::string_view body, Purpose purpose, std::int64_t timeout_ms);
  std::unique_ptr<http::Client> client_;
  std::string user_, password_;
  std::string target_;
  bool another_may_ = false;
};

}  // namespace millrace::clickhouse
