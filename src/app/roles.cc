#include "app/roles.h"

#include <algorithm>
#include <sstream>

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

}  // namespace millrace
