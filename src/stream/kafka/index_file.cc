#include "stream/kafka/index_file.h"

#include <fmt/format.h>

#include "base/log.h"

namespace millrace {
namespace {

constexpr std::uint64_t kIndexBytesMax = 1ULL << 30;

std::string path_of(const std::string& folder, PartitionId partition) {
  return fmt::format("{}/{}.index", folder, partition.value);
}

}  // namespace

Result<PartitionIndex> load_index(FileSystem& files, const std::string& folder, Generation generation,
                                  PartitionId partition) {
  Result<std::string> bytes = read_file(files, path_of(folder, partition), kIndexBytesMax);
  if (!bytes.ok() && bytes.error().code != Code::kNotFound) {
    return bytes.error();
  }
  if (!bytes.ok()) {
    return PartitionIndex(generation, partition);
  }
  Result<PartitionIndex> index = PartitionIndex::decode(*bytes, generation, partition);
  if (!index.ok() && index.error().code == Code::kCorrupt) {
    log_error("an index is damaged, the topic is read from its begin",
              {{"partition", partition.value}, {"reason", index.error().message}});
    return PartitionIndex(generation, partition);
  }
  return index;
}

Result<void> save_index(FileSystem& files, const std::string& folder, PartitionId partition, std::string_view bytes) {
  return replace_file(files, path_of(folder, partition), bytes);
}

}  // namespace millrace
