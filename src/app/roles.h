#pragma once
// What this server does, and with whom it shares it (`roles`, `process.group`, `query.processors`).

#include <string>
#include <vector>

#include "app/router.h"
#include "base/settings.h"

namespace millrace {

struct Roles {
  bool ingest = true;
  bool process = true;
  bool query = true;
  // The consumer group by which processors share the topic's partitions; empty: this server processes all of them.
  std::string group;
  // Servers with role process whose live views this one merges; empty: its own.
  std::vector<std::string> processors;
  std::string processors_key;

  bool all() const { return ingest && process && query; }
};

// Of settings that were found to be good.
Roles roles_of(const SettingValues& values);

// "ingest,process": those that it has.
std::string names_of(const Roles& roles);
// 404, naming the role that what was asked for needs.
PrincipalHandler absent(const Roles& roles, const std::string& needed);

}  // namespace millrace
