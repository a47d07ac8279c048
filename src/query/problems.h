#pragma once
// Why a question has no answer, as application/problem+json. The types are part of the interface (docs/openapi.yaml).

#include <cstdint>

#include "base/result.h"
#include "http/server.h"
#include "stream/progress.h"

namespace millrace {

// Of reading or running a question.
http::Response problem_of(const Error& error);
http::Response too_many();
http::Response stopping();
http::Response unsupported_encoding();
http::Response position_not_reached(const Position& needed, std::int64_t waited_ms);

}  // namespace millrace
