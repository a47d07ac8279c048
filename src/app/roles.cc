#include "app/roles.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

namespace millrace {
namespace {

std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream rest(list);
  for (std::string word; std::getline(rest, word, ',');) {
    std::erase(word, ' ');
    words.push_back(word);
  }
  return words;
}

}  // namespace

Roles roles_of(const SettingValues& values) {
  std::vector<std::string> words = words_of(values.roles);
  auto has = [&](const char* role) { return std::find(words.begin(), words.end(), role) != words.end(); };
  Roles roles{has("ingest"), has("process"), has("query"), {}, {}, {}};
  if (roles.process) {
    roles.group =
        values.process_group.empty() && !roles.all() ? values.kafka_topic + "-processors" : values.process_group;
  }
  roles.processors = words_of(values.query_processors);
  roles.processors_key = values.query_processors_key;
  return roles;
}

std::string names_of(const Roles& roles) {
  std::string names;
  for (auto [has, name] : {std::pair(roles.ingest, "ingest"), {roles.process, "process"}, {roles.query, "query"}}) {
    names += has ? (names.empty() ? "" : ",") + std::string(name) : "";
  }
  return names;
}

PrincipalHandler absent(const Roles& roles, const std::string& needed) {
  std::string detail =
      fmt::format("The roles of this server are {}; this is answered by one with {}.", names_of(roles), needed);
  return [detail](const Principal&, std::unique_ptr<http::Exchange> exchange) {
    exchange->reply(http::problem(404, "not-found", "Not a role of this server", detail));
  };
}

}  // namespace millrace
