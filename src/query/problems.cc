#include "query/problems.h"

#include <string_view>

#include <fmt/format.h>

namespace millrace {
namespace {

http::Response retry_later(int status, std::string_view type, std::string_view title, std::string_view detail) {
  http::Response response = http::problem(status, type, title, detail);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

http::Response problem_of(const Error& error) {
  switch (error.code) {
    case Code::kInvalid:
    case Code::kNotFound:
      return http::problem(400, "invalid-query", "The query is wrong", error.message);
    case Code::kFull:
      return http::problem(422, "query-limit", "The query needs more than it may take", error.message);
    case Code::kUnavailable:
    case Code::kUnknown:
      return retry_later(503, "store-unavailable", "The store doesn't answer",
                         error.message + ". Events are still taken; ask again in a second.");
    case Code::kCorrupt:
      break;
  }
  return http::problem(500, "store-damaged", "The store's data are damaged", error.message);
}

http::Response too_many() {
  return retry_later(
      429, "too-many-requests", "Too many questions at once",
      "Every thread has one and the queue is full; ask again in a second, or raise query.threads and query.queue.");
}

http::Response stopping() {
  return retry_later(503, "stopping", "The server is stopping", "Ask again when it is back.");
}

http::Response unsupported_encoding() {
  return http::problem(415, "unsupported-encoding", "This encoding of a query is not read",
                       "Send the query as plain JSON, without Content-Encoding.");
}

http::Response position_not_reached(const Position& needed, std::int64_t waited_ms) {
  return retry_later(
      503, "position-not-reached", "The store is not yet at this position",
      fmt::format(
          "{} was waited for {} ms; the events are safe, ask again, or without min_position to see what is there.",
          format_position(needed), waited_ms));
}

}  // namespace millrace
