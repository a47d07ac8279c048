#include "ingest/answers.h"

#include <algorithm>

#include <fmt/compile.h>

#include "base/json.h"
#include "base/time_format.h"

namespace millrace {

namespace {

constexpr std::size_t kGoodAnswerBytes = 128;

void write_outcome(JsonWriter& json, const ParsedBatch& batch) {
  json.key("accepted").unsigned_integer(batch.accepted);
  json.key("rejected").begin_array();
  for (std::size_t i = 0; i < std::min(batch.rejected.size(), kRejectedListedMax); ++i) {
    json.begin_object();
    json.key("index").unsigned_integer(batch.rejected[i].index);
    json.key("reason").string(batch.reason(i));
    json.end_object();
  }
  json.end_array();
  json.key("rejected_count").unsigned_integer(batch.rejected.size());
}

http::Response later(http::Response response, std::string_view seconds) {
  response.headers.emplace_back("Retry-After", seconds);
  return response;
}

}  // namespace

http::Response accepted_answer(const ParsedBatch& batch, const Position& position) {
  http::Response response;
  bool known = !position.ends.empty();
  if (batch.rejected.empty() && known) {  // every request of a good client: the same bytes, without the writer
    response.body.reserve(kGoodAnswerBytes);
    fmt::format_to(std::back_inserter(response.body),
                   FMT_COMPILE(R"({{"accepted":{},"rejected":[],"rejected_count":0,"position":"{}"}})"), batch.accepted,
                   format_position(position));
    return response;
  }
  JsonWriter json;
  json.begin_object();
  write_outcome(json, batch);
  if (known) {
    json.key("position").string(format_position(position));
  }
  json.end_object();
  response.body = json.take();
  return response;
}

http::Response nothing_valid_answer(const ParsedBatch& batch) {
  http::Response response =
      http::problem(400, "no-valid-events", "No event could be taken",
                    batch.rejected.empty() ? "The body holds no events."
                                           : "Each event was rejected for the reason given in \"rejected\".");
  JsonWriter members;
  members.begin_object();
  write_outcome(members, batch);
  members.end_object();
  // One object out of the two.
  response.body.back() = ',';
  response.body.append(members.text(), 1);
  return response;
}

http::Response body_too_large(std::string_view detail) {
  return http::problem(413, "body-too-large", "The request is too large", detail);
}

http::Response busy(std::string_view detail) {
  return later(http::problem(429, "too-many-requests", "More than can be taken at the moment", detail), "1");
}

http::Response out_of_service(std::string_view detail) {
  return later(http::problem(503, "unavailable", "No events can be taken at the moment", detail), "5");
}

http::Response failed_answer(const std::vector<FailedEvent>& events) {
  JsonWriter json;
  json.begin_object().key("failed").begin_array();
  for (const FailedEvent& event : events) {
    json.begin_object();
    json.key("time").string(format_rfc3339(event.at));
    json.key("stage").string(event.stage);
    json.key("reason").string(event.reason);
    json.key("raw").string(event.raw);
    json.key("truncated").boolean(event.truncated);
    json.end_object();
  }
  json.end_array().end_object();
  http::Response response;
  response.body = json.take();
  return response;
}

}  // namespace millrace
