#pragma once
// Decides whether a statement may run. It asks the engine's own parser what the statement does; whatever can't be told
// is refused. Behind it the engine checks the role's grants once more (see config_files.h), and the sandbox has the
// last word.

#include <optional>
#include <string>
#include <string_view>

#include "engine/chdb.h"
#include "engine/exception.h"

namespace millrace::engine {

enum class Port {
  kInternal,  // Millrace itself: everything, one statement at a time
  kPublic,    // people and their tools: reads everything, writes to databases of their own
};

struct GateQuestion {
  Port port = Port::kPublic;
  bool may_write = true;      // false for GET requests
  std::string_view sql;       // the very text that is to be run; of an INSERT with data its head and FORMAT clause
  std::string_view database;  // the current one
};

// Nothing when it may run. `connection` lends its parser.
std::optional<Exception> refuse(Connection& connection, const GateQuestion& question);

// Databases that the public port only reads.
bool is_protected_database(std::string_view name);

}  // namespace millrace::engine
