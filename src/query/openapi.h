#pragma once
// The description of the HTTP interface (OpenAPI 3.1), as JSON. Written in docs/openapi.yaml, compiled into the
// program.

#include <string_view>

namespace millrace {

std::string_view openapi_json();

}  // namespace millrace
