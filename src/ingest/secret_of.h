#pragma once
// Where a request carries its key.

#include <string>

#include "http/server.h"

namespace millrace {

enum class KeyInUrl { kNo, kYes };

// The secret in "Authorization: Bearer …", or in the user name of "Authorization: Basic …", or in ?key=; empty when
// there is none. Whoever calls decides whether a key in the URL will do: only write keys may stand there.
std::string secret_of(const http::Head& head, KeyInUrl& in_url);

}  // namespace millrace
