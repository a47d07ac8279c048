#include "store/clickhouse/connection.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/json.h"
#include "io/clock.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

bool one_of(int code, std::initializer_list<int> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// Codes of ClickHouse, src/Common/ErrorCodes.cpp. Too many parts, memory, simultaneous queries, connections, space.
bool is_full(int code) { return one_of(code, {252, 241, 202, 203, 243, 746}); }
// The data of an insert: CANNOT_PARSE_TEXT, CANNOT_PARSE_INPUT_ASSERTION_FAILED, TYPE_MISMATCH, ARGUMENT_OUT_OF_BOUND,
// CANNOT_CONVERT_TYPE, CANNOT_PARSE_NUMBER, INCORRECT_DATA, TOO_LARGE_ARRAY_SIZE, TOO_LARGE_STRING_SIZE,
// VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, DECIMAL_OVERFLOW, VIOLATED_CONSTRAINT.
bool is_bad_data(int code) { return one_of(code, {6, 27, 53, 69, 70, 72, 117, 128, 131, 321, 349, 407, 469}); }
// Found before an insert begins: unknown column, table, database, function; no access, read-only, wrong user or
// settings.
bool is_refused_at_once(int code) {
  return one_of(code, {16, 36, 46, 47, 60, 62, 73, 81, 115, 164, 192, 193, 194, 452, 497, 516});
}
// A question that is wrong: unknown time zone (BAD_ARGUMENTS), types that don't fit.
bool is_bad_question(int code) { return one_of(code, {36, 43, 53, 70, 386}); }

// ClickHouse's message without what only its developers read.
std::string plain(std::string_view message) {
  message = message.substr(0, message.find("\n"));
  message = message.substr(0, message.find(" (version "));
  message = message.substr(0, 400);
  while (!message.empty() && (message.back() == '\r' || message.back() == ' ')) message.remove_suffix(1);
  return std::string(message);
}

Error classify_insert(int status, int code, const std::string& text) {
  if (is_full(code) || (code == 0 && status == 429)) return full("the store takes no more at the moment: " + text);
  if (is_bad_data(code)) return invalid("the store refuses these rows: " + text);
  bool refused = is_refused_at_once(code) || (code == 0 && one_of(status, {400, 401, 403, 404, 405, 411, 413}));
  if (refused) return unavailable("the store refuses inserts: " + text);
  return unknown_outcome("the store failed in an insert: " + text);
}

Error classify_query(int status, int code, const std::string& text) {
  if (code == 159 || code == 160) {
    return full(
        "The store was too busy, or the question is too large, to be answered within its time limit: ask again, or for "
        "a shorter range, fewer dimensions or a coarser grain");
  }
  if (code == 158 || code == 307) {
    return full("The query was stopped by its limit of rows read: ask for a shorter range or filter by event");
  }
  if (code == 241) {
    return full(
        "The query was stopped by its memory limit: ask for fewer dimensions, fewer distinct values or a shorter "
        "range");
  }
  if (is_full(code) || (code == 0 && status == 429))
    return full("The store answers too many queries at the moment: try again");
  if (is_bad_question(code)) return invalid("the store refuses the query: " + text);
  return unavailable("the store failed to answer: " + text);
}

int exception_code(const http::ClientResponse& response) {
  std::string_view text = response.header("X-ClickHouse-Exception-Code");
  int code = 0;
  std::from_chars(text.data(), text.data() + text.size(), code);
  return code;
}

std::uint64_t rows_read(const http::ClientResponse& response) {
  Result<Json> summary = Json::parse(response.header("X-ClickHouse-Summary"));
  if (!summary.ok()) return 0;
  const Json* rows = summary->find("read_rows");
  std::uint64_t number = 0;
  if (rows != nullptr) std::from_chars(rows->text().data(), rows->text().data() + rows->text().size(), number);
  return number;
}

std::string with_settings(std::string sql, const Settings& settings) {
  const char* before = " SETTINGS ";
  for (const auto& [name, value] : settings) {
    sql += before + name + " = " + value;
    before = ", ";
  }
  return sql;
}

}  // namespace

Result<Address> parse_address(const std::string& url) {
  Address address{url, "", "", "", ""};
  if (url.rfind("unix:", 0) == 0) return address;
  std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return invalid("the store's address must begin with http://, https:// or unix:");
  std::size_t path = url.find('/', scheme + 3);
  if (path == std::string::npos) return address;
  address.url = url.substr(0, path);
  address.database = url.substr(path + 1);
  if (!address.database.empty() && !is_plain_name(address.database)) {
    return invalid("the database in the store's address may have letters, digits and underscores only");
  }
  return address;
}

Result<std::vector<Address>> parse_addresses(const std::string& url) {
  std::size_t host = url.find("://");
  std::size_t end = std::min(host == std::string::npos ? host : url.find('/', host + 3), url.size());
  if (host == std::string::npos || url.find(',') >= end) {
    MR_ASSIGN(Address one, parse_address(url));
    return std::vector<Address>{std::move(one)};
  }
  host += 3;
  if (std::size_t user = url.rfind('@', end); user != std::string::npos && user >= host) host = user + 1;
  std::vector<Address> all;
  for (std::size_t at = host; at <= end;) {
    std::size_t comma = std::min(url.find(',', at), end);
    if (comma == at) return invalid("the store's address has a comma without a server beside it");
    MR_ASSIGN(Address one, parse_address(url.substr(0, host) + url.substr(at, comma - at) + url.substr(end)));
    all.push_back(std::move(one));
    at = comma + 1;
  }
  return all;
}

std::string store_host(const std::string& url) {
  std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  std::string host = url.substr(scheme + 3);
  host.resize(std::min(host.find('/'), host.size()));
  std::size_t user = host.rfind('@');
  return user == std::string::npos ? host : host.substr(user + 1);
}

Error classify(Purpose purpose, int status, int code, std::string_view message) {
  std::string text = message.empty() ? fmt::format("HTTP status {}", status) : plain(message);
  if (purpose == Purpose::kInsert) return classify_insert(status, code, text);
  if (purpose == Purpose::kQuery) return classify_query(status, code, text);
  if (is_full(code)) return full("the store takes no more at the moment: " + text);
  bool refused = is_refused_at_once(code) || one_of(code, {44, 48, 57, 80, 82, 122});
  if (refused) return invalid("the store refuses a statement: " + text);
  return unknown_outcome("the store failed in a statement: " + text);
}

// SOCKET_TIMEOUT, NETWORK_ERROR, NO_ZOOKEEPER, ABORTED, TABLE_IS_READ_ONLY, ALL_CONNECTION_TRIES_FAILED,
// TOO_FEW_LIVE_REPLICAS, NOT_A_LEADER, ALL_REPLICAS_LOST, KEEPER_EXCEPTION. An insert that one of these ended may have
// been stored all the same: a table turns read-only in the midst of it when it loses its Keeper.
bool is_servers_own(int status, int code) {
  if (code == 0) return one_of(status, {502, 503, 504});
  return one_of(code, {209, 210, 225, 236, 242, 279, 285, 529, 577, 999});
}

Result<std::unique_ptr<Connection>> Connection::create(const Address& address) {
  MR_ASSIGN(auto client, http::Client::create(address.url));
  return std::make_unique<Connection>(std::move(client), address);
}

Result<Reply> Connection::send(const std::string& target, std::string_view body, Purpose purpose,
                               std::int64_t timeout_ms) {
  http::ClientRequest request;
  request.method = "POST";
  request.target = target;
  request.body = std::span<const std::string_view>(&body, 1);
  if (!user_.empty()) request.headers = {{"X-ClickHouse-User", user_}, {"X-ClickHouse-Key", password_}};
  Result<http::ClientResponse> response = client_->send(request, timeout_ms);
  another_may_ = !response.ok();
  if (!response.ok()) return std::move(response).error();
  int code = exception_code(*response);
  another_may_ = is_servers_own(response->status, code);
  if (response->status != 200 || code != 0) return classify(purpose, response->status, code, response->body);
  return Reply{std::move(response->body), rows_read(*response)};
}

Result<Reply> Connection::run(const std::string& sql, const Settings& settings, std::string_view format,
                              Purpose purpose, std::int64_t timeout_ms) {
  std::string text = with_settings(sql, settings);
  if (!format.empty()) text += fmt::format(" FORMAT {}", format);
  TimeNs start = system_clock().monotonic();
  Result<Reply> reply = send(target_, text, purpose, timeout_ms);
  if (purpose != Purpose::kQuery || reply.ok() || reply.error().code != Code::kUnknown) return reply;
  std::int64_t left_ms = timeout_ms - (system_clock().monotonic() - start) / 1'000'000;
  if (left_ms > timeout_ms / 2) reply = send(target_, text, purpose, left_ms);
  if (reply.ok() || reply.error().code != Code::kUnknown) return reply;
  return unavailable("the store gave no answer: " + reply.error().message);
}

Result<void> Connection::wait_for(const std::string& sql, std::int64_t timeout_ms) {
  std::string target = fmt::format("{}&receive_timeout={}", target_, std::max<std::int64_t>(1, timeout_ms / 1000));
  Result<Reply> reply = send(target, sql, Purpose::kChange, timeout_ms + 5'000);
  if (!reply.ok()) return unavailable(reply.error().message);
  return {};
}

Result<Reply> Connection::insert(const std::string& sql, std::string_view data, const Settings& settings,
                                 const std::string& query_id, std::int64_t timeout_ms) {
  std::string target = "/?query=" + http::percent_encode(with_settings(sql, settings) + " FORMAT Native") +
                       "&query_id=" + http::percent_encode(query_id);
  return send(target, data, Purpose::kInsert, timeout_ms);
}

Result<void> Connection::ping(std::int64_t timeout_ms) {
  http::ClientRequest request;
  request.target = "/ping";
  Result<http::ClientResponse> response = client_->send(request, timeout_ms);
  if (!response.ok()) return unavailable(response.error().message);
  if (response->status != 200)
    return unavailable("the store answers its ping with HTTP status " + std::to_string(response->status));
  return {};
}

}  // namespace millrace::clickhouse
