#pragma once
// Where libchdb.so is.

#include <string>

#include "base/result.h"

namespace millrace {

// The first of these that is there: `chosen` (engine.lib), $MILLRACE_LIBCHDB, lib/millrace/libchdb.so beside the
// program's bin folder, the cache that `make setup` fills. kNotFound says where it was looked for and what to do.
Result<std::string> find_engine_library(const std::string& chosen, const std::string& program);

}  // namespace millrace
