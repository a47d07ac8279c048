#include "engine/request.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "engine/settings.h"
#include "io/random.h"

namespace millrace::engine {
namespace {

constexpr std::size_t kQueryIdBytesMax = 128;

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string decoded;
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return {};
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      decoded += static_cast<char>((bits >> count) & 0xff);
    }
  }
  return decoded;
}

bool is_on(const std::string* value) { return value != nullptr && *value != "0" && *value != "false"; }

Exception bad_argument(std::string what) { return make_exception(36, "BAD_ARGUMENTS", what); }
Exception not_implemented(std::string what) { return make_exception(kNotImplemented, "NOT_IMPLEMENTED", what); }

bool is_plain(std::string_view id) {
  return id.size() <= kQueryIdBytesMax &&
         std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool accepts_gzip(const http::Head& head) {
  return is_on(head.parameter("enable_http_compression")) &&
         head.header("accept-encoding").find("gzip") != std::string_view::npos;
}

// What would change the meaning of the request if it were ignored is refused.
std::optional<Exception> refuse_unsupported(const http::Head& head) {
  if (is_on(head.parameter("compress")) || is_on(head.parameter("decompress"))) {
    return not_implemented(
        "compress and decompress are not supported; use enable_http_compression and Content-Encoding");
  }
  if (head.parameter("session_id") != nullptr)
    return not_implemented("There are no sessions here: every request has its own");
  if (head.parameter("role") != nullptr) return not_implemented("The parameter role is not supported");
  return {};
}

std::optional<Exception> read_parameters(const http::Head& head, QueryRequest& request) {
  for (const auto& [name, value] : head.query) {
    if (name.starts_with("param_")) {
      request.parameters.emplace_back(name.substr(6), value);
    } else if (is_allowed_setting(name)) {
      request.settings.emplace_back(name, value);
    } else if (!is_interface_parameter(name)) {
      return make_exception(kUnknownSetting, "UNKNOWN_SETTING",
                            fmt::format("Setting {} is unknown or not allowed here", name));
    }
  }
  return {};
}

std::string text_of(const std::string* parameter, std::string_view header) {
  return parameter != nullptr ? *parameter : std::string(header);
}

std::string new_query_id() { return fmt::format("{:016x}{:016x}", random_number(), random_number()); }

}  // namespace

Credentials credentials_of(const http::Head& head) {
  std::string_view user = head.header("x-clickhouse-user");
  std::string_view key = head.header("x-clickhouse-key");
  if (!user.empty() || !key.empty()) return {std::string(user.empty() ? "default" : user), std::string(key), true};
  std::string_view authorization = head.header("authorization");
  if (authorization.starts_with("Basic ")) {
    std::optional<std::string> pair = decode_base64(authorization.substr(6));
    std::size_t colon = pair ? pair->find(':') : std::string::npos;
    if (colon == std::string::npos) return {"", "", true};
    return {pair->substr(0, colon), pair->substr(colon + 1), true};
  }
  const std::string* name = head.parameter("user");
  const std::string* password = head.parameter("password");
  if (name == nullptr && password == nullptr) return {};
  return {name != nullptr ? *name : "default", password != nullptr ? *password : "", true};
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  unsigned difference = a.size() == b.size() ? 0 : 1;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
  }
  return difference == 0;
}

std::variant<QueryRequest, Exception> read_request(const http::Head& head) {
  if (std::optional<Exception> refused = refuse_unsupported(head)) return *refused;
  QueryRequest request;
  if (std::optional<Exception> refused = read_parameters(head, request)) return *refused;
  request.sql = text_of(head.parameter("query"), {});
  request.database = text_of(head.parameter("database"), head.header("x-clickhouse-database"));
  request.default_format = text_of(head.parameter("default_format"), head.header("x-clickhouse-format"));
  request.query_id = text_of(head.parameter("query_id"), {});
  if (request.query_id.empty()) request.query_id = new_query_id();
  if (!is_plain(request.query_id)) return bad_argument("query_id has more than 128 or unusual characters");
  request.may_write = head.method == "POST" && !is_on(head.parameter("readonly"));
  request.gzip = accepts_gzip(head);
  request.wait_end = is_on(head.parameter("wait_end_of_query"));
  std::optional<http::Encoding> encoding = http::parse_encoding(head.header("content-encoding"));
  if (!encoding) return not_implemented("Content-Encoding is none of gzip, zstd and identity");
  request.encoding = *encoding;
  return request;
}

std::string_view content_type_of(std::string_view format) {
  if (format.starts_with("JSONEachRow") || format.starts_with("JSONCompactEachRow") ||
      format.starts_with("JSONStringsEachRow") || format.starts_with("JSONCompactStringsEachRow") ||
      format == "JSONLines" || format == "NDJSON") {
    return "application/x-ndjson; charset=UTF-8";
  }
  if (format.starts_with("JSON")) return "application/json; charset=UTF-8";
  if (format.starts_with("CSV")) return "text/csv; charset=UTF-8";
  if (format.starts_with("TSV") || format.starts_with("TabSeparated"))
    return "text/tab-separated-values; charset=UTF-8";
  constexpr std::array<std::string_view, 8> kBinary = {"Native", "RowBinary", "Parquet", "Arrow",
                                                       "ORC",    "Avro",      "MsgPack", "BSON"};
  for (std::string_view name : kBinary) {
    if (format.starts_with(name)) return "application/octet-stream";
  }
  return "text/plain; charset=UTF-8";
}

}  // namespace millrace::engine
