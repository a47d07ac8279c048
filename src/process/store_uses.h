#pragma once
// In which stores this folder's owners have stored a partition: <folder>/stores-p<partition>, one line a store, "<epoch
// of its last owner> <name>", the one in use last. So a start with another store is noticed, and what that one lacks is
// not taken for lost; and a store that is come back to is known again.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "io/file.h"

namespace millrace {

struct StoreUse {
  Epoch epoch;  // of the last owner in it
  std::string store;
};

std::string store_uses_path(const std::string& folder, PartitionId partition);
// Empty when nothing is written yet. kCorrupt: a line is none.
Result<std::vector<StoreUse>> load_store_uses(FileSystem& files, const std::string& folder, PartitionId partition);
// From now on it is the last. Durable when it returns ok.
Result<void> note_store_use(FileSystem& files, const std::string& folder, PartitionId partition, const StoreUse& use);

// The store that was used last, where it isn't `store`; else empty.
Result<std::string> other_store(FileSystem& files, const std::string& folder, PartitionId partition,
                                const std::string& store);

}  // namespace millrace
