#pragma once
// The session's cookie (RFC 6265).

#include <string>
#include <string_view>

#include "http/server.h"

namespace millrace {

inline constexpr std::string_view kSessionCookie = "millrace_session";

// The session's token in the request's cookies; empty when there is none, or more than one.
std::string session_token(const http::Head& head);

// For Set-Cookie. Scripts can't read it, other sites can't send it. An empty token takes the cookie away.
std::string session_cookie(std::string_view token, std::int64_t age_s, bool secure);

}  // namespace millrace
