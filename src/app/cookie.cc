#include "app/cookie.h"

#include <fmt/format.h>

namespace millrace {

std::string session_token(const http::Head& head) {
  std::string found;
  for (const auto& [name, value] : head.headers) {
    // Names come in lower case or as they were sent: header() compares without case, and so must this.
    if (name.size() != 6 ||
        !std::equal(name.begin(), name.end(), "cookie", [](char a, char b) { return (a | 0x20) == b; })) {
      continue;
    }
    std::string_view list = value;
    while (!list.empty()) {
      std::string_view pair = list.substr(0, list.find(';'));
      list.remove_prefix(std::min(pair.size() + 1, list.size()));
      pair.remove_prefix(std::min(pair.find_first_not_of(' '), pair.size()));
      if (pair.size() <= kSessionCookie.size() || !pair.starts_with(kSessionCookie) ||
          pair[kSessionCookie.size()] != '=') {
        continue;
      }
      if (!found.empty()) {
        return {};
      }
      found = pair.substr(kSessionCookie.size() + 1);
    }
  }
  return found;
}

std::string session_cookie(std::string_view token, std::int64_t age_s, bool secure) {
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", kSessionCookie, token,
                     token.empty() ? 0 : age_s, secure ? "; Secure" : "");
}

}  // namespace millrace
