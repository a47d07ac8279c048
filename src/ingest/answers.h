#pragma once
// What POST /v1/events and GET /v1/failed answer.

#include <string_view>
#include <vector>

#include "http/server.h"
#include "ingest/native/event_parser.h"
#include "stream/failed_events.h"
#include "stream/progress.h"

namespace millrace {

inline constexpr std::size_t kRejectedListedMax = 100;  // rejected_count tells of the others

http::Response accepted_answer(const ParsedBatch& batch, const Position& position);
http::Response nothing_valid_answer(const ParsedBatch& batch);
http::Response body_too_large(std::string_view detail);
// 429 and 503.
http::Response busy(std::string_view detail);
http::Response out_of_service(std::string_view detail);

http::Response failed_answer(const std::vector<FailedEvent>& events);

}  // namespace millrace
