#pragma once
// The insides of JSON strings that hold escapes.

#include <string>
#include <string_view>

#include "ingest/native/verdict.h"

namespace millrace {

// Appends what `text` (between the quotes, already known to be UTF-8 without control characters) stands for. Lone
// surrogates and \u0000 are rejected, other escapes than JSON's are a syntax error: false then.
bool unescape(std::string_view text, std::string& to, Verdict& verdict);

// The same, but appends it as JSON text with as few escapes as JSON allows.
bool canonicalize_string(std::string_view text, std::string& to, Verdict& verdict);

}  // namespace millrace
