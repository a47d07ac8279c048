#pragma once
// What a processor needs to know and to work with.

#include <cstdint>
#include <string>

#include "base/metrics.h"
#include "io/file.h"
#include "process/dedupe.h"
#include "store/shared_state.h"
#include "store/store.h"
#include "stream/failed_events.h"
#include "stream/stream.h"
#include "views/views.h"

namespace millrace {

struct ProcessorOptions {
  PartitionId partition;
  std::string folder;  // of checkpoints and snapshots; made when it isn't there
  // What the store is called, the same at each start with the same store: a start with another one refuses to take rows
  // for lost that this one has. Empty: not looked at.
  std::string store;

  // A batch goes to the store when it has so many rows or bytes, or when its oldest event was read so long ago.
  std::uint32_t batch_rows_max = 250'000;
  std::uint64_t batch_bytes_max = 64 << 20;
  std::int64_t batch_age_ns_max = 400'000'000;

  std::int64_t checkpoint_interval_ns = 1'000'000'000;
  // For a store on a machine that is not ours: the checkpoint stays so far behind, and passes rows only after the store
  // has been asked whether it still has them.
  std::int64_t checkpoint_trail_ns = 0;
  std::uint64_t snapshot_log_bytes = 256 << 20;  // of records read since the last one

  IdLimits ids;

  // After an error the pause doubles from the first to the last of these.
  std::int64_t backoff_ns_min = 50'000'000;
  std::int64_t backoff_ns_max = 5'000'000'000;
  // While the processor is behind, the store rests after each insert for so many hundredths of the time that the insert
  // took.
  std::uint32_t catch_up_rest_percent = 25;

  std::uint32_t step_events_max = 16'384;  // folded in one step; a record is never split
  std::uint32_t scan_events = 65'536;      // of which the store is asked at once, row by row, when recovering
};

// All of it must outlive the processor.
struct ProcessorParts {
  Stream& stream;
  StoreWriter& store;
  FailedEvents& failed;
  FileSystem& files;
  Metrics& metrics;
  Views* views = nullptr;  // none when null
  // Where several processors share the partitions: checkpoint and snapshots lie there instead of in the folder.
  SharedState* shared = nullptr;
};

}  // namespace millrace
