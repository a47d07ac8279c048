#pragma once
// Files in memory, for fuzz targets: folders are only prefixes of names, and everything always works. One thread.

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "io/file.h"

namespace millrace {

class MemoryFiles final : public FileSystem {
 public:
  // shared_ptr: an open file lives on when its name is taken away.
  using Content = std::shared_ptr<std::string>;

  // Makes a file with this content, or replaces it.
  void put(const std::string& path, std::string content) {
    files_[path] = std::make_shared<std::string>(std::move(content));
  }
  const std::string* find(const std::string& path) const {
    auto found = files_.find(path);
    return found == files_.end() ? nullptr : found->second.get();
  }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    auto found = files_.find(path);
    if (found == files_.end()) {
      if (mode == OpenMode::kRead || mode == OpenMode::kReadWrite) return not_found(path);
      put(path, "");
      found = files_.find(path);
    } else if (mode == OpenMode::kCreate) {
      return unavailable(path + " is there");
    }
    return std::unique_ptr<File>(std::make_unique<MemoryFile>(found->second));
  }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    std::vector<std::string> names;
    std::string prefix = folder + "/";
    for (auto at = files_.lower_bound(prefix); at != files_.end() && at->first.starts_with(prefix); ++at) {
      std::string name = at->first.substr(prefix.size());
      name.resize(std::min(name.find('/'), name.size()));
      if (names.empty() || names.back() != name) names.push_back(name);
    }
    return names;
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    auto found = files_.find(from);
    if (found == files_.end()) return not_found(from);
    Content content = found->second;
    files_.erase(found);
    files_[to] = std::move(content);
    return {};
  }
  Result<void> remove(const std::string& path) override {
    return files_.erase(path) > 0 ? Result<void>() : not_found(path);
  }
  Result<void> make_folders(const std::string&) override { return {}; }
  Result<void> sync_folder(const std::string&) override { return {}; }
  Result<std::unique_ptr<FileLock>> lock(const std::string&) override { return std::make_unique<FileLock>(); }
  Result<DiskSpace> space(const std::string&) override { return DiskSpace{1ULL << 40, 1ULL << 39}; }

 private:
  class MemoryFile final : public File {
   public:
    explicit MemoryFile(Content content) : content_(std::move(content)) {}
    Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
      for (std::string_view piece : pieces) {
        content_->resize(std::max(content_->size(), static_cast<std::size_t>(offset) + piece.size()));
        std::copy(piece.begin(), piece.end(), content_->begin() + static_cast<std::ptrdiff_t>(offset));
        offset += piece.size();
      }
      return {};
    }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
      if (offset >= content_->size()) return std::size_t{0};
      return content_->copy(into, size, static_cast<std::size_t>(offset));
    }
    Result<void> sync() override { return {}; }
    Result<std::uint64_t> size() override { return std::uint64_t{content_->size()}; }
    Result<void> truncate(std::uint64_t size) override {
      content_->resize(static_cast<std::size_t>(size));
      return {};
    }
    Result<void> sync_file_system() override { return {}; }

   private:
    const Content content_;
  };

  std::map<std::string, Content> files_;
};

}  // namespace millrace
