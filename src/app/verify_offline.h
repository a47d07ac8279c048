#pragma once
// `millrace verify --data DIR` on a folder that no server uses: every checksum of the log, then the log against the
// store.

#include <string>

#include "base/settings.h"
#include "stream/verify.h"

namespace millrace {

struct OfflineReport {
  LogReport log;           // empty where the stream is no log
  std::string store_json;  // as GET /v1/verify answers
  bool equal = false;      // log and store
};

// kUnavailable when a server runs on the folder: ask it (GET /v1/verify) instead. `program` as in Server::start.
Result<OfflineReport> verify_offline(const Settings& settings, const std::string& program);

}  // namespace millrace
