#pragma once
// What a request of ClickHouse's HTTP interface (https://clickhouse.com/docs/interfaces/http) asks for, read from its
// head.

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "engine/chdb.h"
#include "engine/exception.h"
#include "http/decode.h"
#include "http/server.h"

namespace millrace::engine {

struct Credentials {
  std::string user;
  std::string password;
  bool given = false;
};

// From X-ClickHouse-User and -Key, Basic authorization, or the parameters user and password; the first of them that is
// there.
Credentials credentials_of(const http::Head& head);
// Without telling by its time where two texts differ.
bool equal_in_constant_time(std::string_view a, std::string_view b);

struct QueryRequest {
  std::string sql;             // from the URL; the body goes on behind it
  std::string database;        // empty: none asked for
  std::string default_format;  // empty: none asked for
  std::string query_id;
  Parameters parameters;                                      // param_x=…
  std::vector<std::pair<std::string, std::string>> settings;  // allowed ones
  bool may_write = false;
  bool gzip = false;                                    // compress the answer
  bool wait_end = false;                                // send nothing before the whole answer is there
  http::Encoding encoding = http::Encoding::kIdentity;  // of the body
};

std::variant<QueryRequest, Exception> read_request(const http::Head& head);

// "application/json; charset=UTF-8" for JSON, and so on.
std::string_view content_type_of(std::string_view format);

}  // namespace millrace::engine
