#pragma once
// `millrace migrate store`: copies what the store of a data folder holds into another store, and shows by count and
// hash that it is the same. docs/guides/moving-the-store.md

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/settings.h"
#include "store/clickhouse/store_copy.h"

namespace millrace {

struct MoveProgress {
  std::uint64_t rows = 0;    // of those that are to be brought, found or copied
  std::uint64_t copied = 0;  // of them, copied now
  std::uint64_t compared = 0;
  std::uint64_t rows_all = 0;
};

struct MoveReport {
  struct Partition {
    PartitionId partition;
    SequenceNumber until;  // everything before it is in the target
  };
  std::string from;
  std::string to;     // names, without passwords
  bool live = false;  // a server ran on the folder when it began
  std::uint64_t rows = 0;
  std::uint64_t copied = 0;
  std::vector<clickhouse::ComparedDay> days;
  std::vector<Partition> partitions;
  bool equal = true;
};

struct MoveOptions {
  std::string to;                        // a URL; empty: the embedded engine
  std::uint64_t piece_places = 200'000;  // copied at once
  // Asked after each piece; false ends the move with kUnavailable. The next one goes on from there.
  std::function<bool(const MoveProgress&)> go_on;
};

// The source is the store of the settings; it is only read. The target's copy is marked as ended, and may be switched
// to, only when the report is `equal`. kInvalid: this can't be moved there, the message says why. kFull, kUnavailable,
// kUnknown: run it again, which goes on from there. `program` as in Server::start.
Result<MoveReport> move_store(const Settings& settings, const std::string& program, const MoveOptions& options);

}  // namespace millrace
