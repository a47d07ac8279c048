#pragma once
// Where the index of a partition is kept: docs/formats/kafka-message.md.

#include <string>
#include <string_view>

#include "io/file.h"
#include "stream/kafka/partition_index.h"

namespace millrace {

// An empty one when there is none, or when it is damaged: then the topic is read from its begin.
Result<PartitionIndex> load_index(FileSystem& files, const std::string& folder, Generation generation,
                                  PartitionId partition);
Result<void> save_index(FileSystem& files, const std::string& folder, PartitionId partition, std::string_view bytes);

}  // namespace millrace
