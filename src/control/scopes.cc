#include <array>

#include "control/keys.h"

namespace millrace {

namespace {

struct Named {
  std::string_view name;
  std::uint8_t scope;
};
constexpr std::array<Named, 5> kScopes = {
    {{"write", kScopeWrite}, {"read", kScopeRead}, {"sql", kScopeSql}, {"feed", kScopeFeed}, {"admin", kScopeAdmin}}};

std::uint8_t scope_named(std::string_view name) {
  for (const Named& scope : kScopes) {
    if (scope.name == name) {
      return scope.scope;
    }
  }
  return name == "all" ? kScopeAll : 0;
}

}  // namespace

Result<std::uint8_t> parse_scopes(std::string_view text) {
  std::uint8_t scopes = 0;
  while (true) {
    std::string_view name = text.substr(0, text.find(','));
    std::uint8_t scope = scope_named(name);
    if (scope == 0) {
      return invalid("\"" + std::string(name) + "\" is no scope; the scopes are write, read, sql, feed, admin, all");
    }
    scopes |= scope;
    if (name.size() == text.size()) {
      return scopes;
    }
    text.remove_prefix(name.size() + 1);
  }
}

std::string format_scopes(std::uint8_t scopes) {
  std::string text;
  for (const Named& scope : kScopes) {
    if (scopes & scope.scope) {
      text.append(text.empty() ? "" : ",").append(scope.name);
    }
  }
  return text;
}

}  // namespace millrace
