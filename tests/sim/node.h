#pragma once
// One process of Millrace: everything between a request and the store, put together as app does it, but stepped instead
// of run by threads, on simulated files and clocks.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ingest/ingest_api.h"
#include "io/clock.h"
#include "io/sim.h"
#include "process/processor.h"
#include "process/sim_parts_for_test.h"
#include "process/sim_views_for_test.h"
#include "stream/log/log_stream.h"

namespace millrace {

struct NodeOptions {
  LogOptions log;
  ProcessorOptions processor;
  IngestLimits ingest;
};

class Node {
 public:
  Node(std::uint64_t number, SimDisk& disk, MemoryStore& store, Clock& clock, NodeOptions options);
  // As if it had been killed: nothing more is written.
  ~Node();

  // As the server starts. After an error it can only be destroyed.
  Result<void> start();
  // `told` gets status and body, unless the process dies before; called at once or from a step.
  void post(std::string body, const std::string& idempotency_key, bool lines,
            std::function<void(const http::Response&)> told);
  // As on SIGTERM: what was taken is written and told. Processors are to be drained behind it.
  void stop_log() { log_->stop(); }

  const std::uint64_t number;
  SimFiles files;
  Metrics metrics;

  SteppedLog& log() { return *log_; }
  FailedEvents& failed() { return *failed_; }
  std::vector<std::unique_ptr<SimConnection>>& connections() { return connections_; }
  std::vector<std::unique_ptr<Processor>>& processors() { return processors_; }
  Views& views() { return *views_; }

 private:
  Result<void> open_log();

  MemoryStore& store_;
  Clock& clock_;
  NodeOptions options_;
  bool alive_ = true;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<FailedEvents> failed_;
  std::unique_ptr<IngestApi> ingest_;
  std::unique_ptr<SteppedLog> log_;                          // goes first: it refuses who waits
  std::vector<std::unique_ptr<SimConnection>> connections_;  // one a partition
  std::unique_ptr<Views> views_;
  std::vector<std::unique_ptr<Processor>> processors_;

  friend class NodeExchange;
};

}  // namespace millrace
