#include "process/store_uses.h"

#include <charconv>

#include <fmt/format.h>

namespace millrace {
namespace {

constexpr std::uint64_t kBytesMax = 1 << 20;

bool read_line(std::string_view line, StoreUse& use) {
  std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || blank + 1 == line.size()) {
    return false;
  }
  auto [end, error] = std::from_chars(line.data(), line.data() + blank, use.epoch.value);
  use.store = line.substr(blank + 1);
  return error == std::errc() && end == line.data() + blank;
}

}  // namespace

std::string store_uses_path(const std::string& folder, PartitionId partition) {
  return folder + "/stores-p" + std::to_string(partition.value);
}

Result<std::vector<StoreUse>> load_store_uses(FileSystem& files, const std::string& folder, PartitionId partition) {
  std::string path = store_uses_path(folder, partition);
  std::vector<StoreUse> uses;
  Result<std::string> text = read_file(files, path, kBytesMax);
  if (!text.ok()) {
    return text.error().code == Code::kNotFound ? Result<std::vector<StoreUse>>(uses) : text.error();
  }
  std::string_view rest = *text;
  while (!rest.empty()) {
    std::size_t end = rest.find('\n');
    if (!read_line(rest.substr(0, end), uses.emplace_back())) {
      return corrupt(path + " is damaged; restore it, or remove it if the configuration names the store of before");
    }
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return uses;
}

Result<void> note_store_use(FileSystem& files, const std::string& folder, PartitionId partition, const StoreUse& use) {
  MR_ASSIGN(std::vector<StoreUse> uses, load_store_uses(files, folder, partition));
  std::erase_if(uses, [&use](const StoreUse& other) { return other.store == use.store; });
  uses.push_back(use);
  std::string text;
  for (const StoreUse& one : uses) {
    text += fmt::format("{} {}\n", one.epoch.value, one.store);
  }
  return replace_file(files, store_uses_path(folder, partition), text);
}

Result<std::string> other_store(FileSystem& files, const std::string& folder, PartitionId partition,
                                const std::string& store) {
  if (store.empty()) {
    return std::string();
  }
  MR_ASSIGN(std::vector<StoreUse> uses, load_store_uses(files, folder, partition));
  return uses.empty() || uses.back().store == store ? std::string() : uses.back().store;
}

}  // namespace millrace
