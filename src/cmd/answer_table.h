#pragma once
// The columns of an answer of /v1/query, for people and for other programs.

#include <string>

#include "base/json.h"

namespace millrace::cmd {

// Aligned columns under their names; times in RFC 3339, null as a dash, numbers to the right. A `previous` answer comes
// below.
std::string answer_table(const Json& answer);
// Comma-separated (RFC 4180 but for plain newlines), with a header line; null is an empty field; a cell that a
// spreadsheet would run as a formula gets a ' before it.
std::string answer_csv(const Json& answer);

}  // namespace millrace::cmd
