#pragma once
// Asks the server what it made of a load: how much its log and store grew, and how many events of this run a query
// counts.

#include <functional>
#include <string>

#include "cmd/connection.h"
#include "load/report.h"

namespace millrace::cmd {

struct Audit {
  std::uint64_t accepted = 0, stored = 0, repeats = 0, failed = 0, lost = 0;
  bool holds = false;
  bool all_stored = false;
};

// Of GET /v1/health (scope read).
Result<Audit> ask_audit(const Connection& connection);

// The same once everything that was accepted is stored; after `patience` seconds, or once `interrupted`, as it is.
Result<Audit> settled_audit(const Connection& connection, double patience, const std::function<bool()>& interrupted);

struct ProofInput {
  Audit before;
  load::LoadOptions options;
  const load::LoadReport* report = nullptr;
  TimeNs begin = 0;  // wall clock
  TimeNs end = 0;
  double patience = 300;  // seconds to wait for the store
};

// Waits until everything is stored, then counts. `interrupted` ends the waiting.
Result<load::Proof> prove(const Connection& connection, const ProofInput& input,
                          const std::function<bool()>& interrupted);

}  // namespace millrace::cmd
