#pragma once
// Compares the log with the store, range by range: what the log says should be there, and what is. Works beside a
// running server, up to its checkpoint.

#include <string>
#include <vector>

#include "process/options.h"

namespace millrace {

struct VerifyRange {
  SequenceRange places;
  std::string day;  // of the received times, UTC: "2026-11-24"
  std::uint64_t log_rows = 0;
  std::uint64_t store_rows = 0;
  std::uint64_t damaged = 0;  // events of the log that can't be read: the store alone knows them
  bool equal = false;         // counts and contents; only counts can be compared where something is damaged
};

struct VerifyReport {
  PartitionId partition;
  SequenceNumber from;   // the begin of the log
  SequenceNumber until;  // the checkpoint
  std::vector<VerifyRange> ranges;
  std::uint64_t missing = 0;  // rows that the log has and the store has not, in ranges that are not equal
  bool equal = true;
  // What can't be compared and why, in sentences: rows before the log's begin, for one.
  std::vector<std::string> remarks;
};

struct VerifyOptions {
  PartitionId partition;
  std::string folder;  // the processor's
  std::uint64_t range_events = 1'000'000;
  IdLimits ids;  // the processor's; where there is a snapshot, its own are used
};

// Reads the log from its begin to the checkpoint; nothing is written. kNotFound when there is no checkpoint;
// kUnavailable when log or store can't be asked.
Result<VerifyReport> verify_partition(Stream& stream, StoreWriter& store, FileSystem& files,
                                      const VerifyOptions& options);

}  // namespace millrace
