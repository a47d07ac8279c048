#include <algorithm>
#include <utility>

#include "io/sim/inode.h"

namespace millrace {

class SimFile final : public File {
 public:
  SimFile(SimFiles& files, SimDisk::InodePtr inode, std::string path)
      : files_(files), disk_(files.disk()), inode_(std::move(inode)), path_(std::move(path)) {}

  Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    std::string all;
    for (std::string_view piece : pieces) {
      all.append(piece);
    }
    Result<void> entered = files_.enter(SimCall::kWrite, path_);
    if (!entered.ok()) {
      files_.broken_.insert(inode_);
      disk_.write(*inode_, offset, std::string_view(all).substr(0, disk_.random_.below(all.size() + 1)));
      return entered;
    }
    if (!disk_.write(*inode_, offset, all)) {
      files_.broken_.insert(inode_);
      return full(path_ + ": the simulated disk is full");
    }
    files_.leave(SimCall::kWrite, path_);
    return {};
  }

  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    MR_TRY(files_.enter(SimCall::kRead, path_));
    offset = std::min<std::uint64_t>(offset, inode_->now.size());
    return inode_->now.copy(into, size, offset);
  }

  Result<void> sync() override {
    files_.syncs_after_failure_ += files_.broken_.count(inode_);
    if (Result<void> entered = files_.enter(SimCall::kSync, path_); !entered.ok()) {
      files_.broken_.insert(inode_);
      disk_.fail_sync(*inode_);
      return entered;
    }
    disk_.sync(*inode_);
    files_.leave(SimCall::kSync, path_);
    return {};
  }

  Result<std::uint64_t> size() override { return std::uint64_t{inode_->now.size()}; }

  Result<void> truncate(std::uint64_t size) override {
    MR_TRY(files_.enter(SimCall::kTruncate, path_));
    inode_->resize(size);
    files_.leave(SimCall::kTruncate, path_);
    return {};
  }

  Result<void> sync_file_system() override {
    MR_TRY(files_.enter(SimCall::kSyncFileSystem, path_));
    for (auto& [path, inode] : disk_.now_.files) {
      disk_.sync(*inode);
    }
    for (const SimDisk::Change& change : disk_.pending_) {
      disk_.durable_.apply(change);
    }
    disk_.pending_.clear();
    files_.leave(SimCall::kSyncFileSystem, path_);
    return {};
  }

 private:
  SimFiles& files_;
  SimDisk& disk_;  // the one that it was opened on
  SimDisk::InodePtr inode_;
  std::string path_;
};

namespace {

class SimLock final : public FileLock {
 public:
  SimLock(std::set<std::string>& locks, std::string path) : locks_(locks), path_(std::move(path)) {}
  ~SimLock() override { locks_.erase(path_); }

 private:
  std::set<std::string>& locks_;
  std::string path_;
};

// Without a slash at the end, and without "folder/..".
std::string normal(std::string path) {
  if (path.ends_with("/..")) {
    path.resize(path.size() - 3);
    std::size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
  return path.empty() ? "/" : path;
}

}  // namespace

bool SimFiles::is_folder(const std::string& path) const { return disk_->now_.folders.count(path) > 0; }

Result<std::unique_ptr<File>> SimFiles::open(const std::string& path, OpenMode mode) {
  MR_TRY(enter(SimCall::kOpen, path));
  auto found = disk_->now_.files.find(path);
  bool there = found != disk_->now_.files.end();
  if (!there && (mode == OpenMode::kRead || mode == OpenMode::kReadWrite)) {
    return not_found(path + " is not there");
  }
  if (there && mode == OpenMode::kCreate) {
    return unavailable(path + " is there already");
  }
  SimDisk::InodePtr inode;
  if (there) {
    inode = found->second;
  } else {
    std::size_t slash = path.rfind('/');
    if (!is_folder(slash == 0 ? "/" : path.substr(0, slash))) {
      return not_found("the folder of " + path + " is not there");
    }
    inode = std::make_shared<SimDisk::Inode>();  // shared_ptr: see sim.h
    disk_->change({SimDisk::Change::Kind::kCreate, {}, path, {}, inode});
    leave(SimCall::kOpen, path);
  }
  return std::unique_ptr<File>(std::make_unique<SimFile>(*this, std::move(inode), path));
}

Result<std::vector<std::string>> SimFiles::list(const std::string& folder) {
  if (!is_folder(folder)) {
    return not_found(folder + " is not there");
  }
  std::vector<std::string> names;
  std::string prefix = folder == "/" ? "/" : folder + "/";
  auto take = [&](const std::string& path) {
    if (path.size() > prefix.size() && path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos) {
      names.push_back(path.substr(prefix.size()));
    }
  };
  for (auto file = disk_->now_.files.lower_bound(prefix);
       file != disk_->now_.files.end() && file->first.starts_with(prefix); ++file) {
    take(file->first);
  }
  for (const std::string& path : disk_->now_.folders) {
    take(path);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> SimFiles::rename(const std::string& from, const std::string& to) {
  MR_TRY(enter(SimCall::kRename, from));
  if (disk_->now_.files.count(from) == 0) {
    return not_found(from + " is not there");
  }
  disk_->change({SimDisk::Change::Kind::kRename, {}, from, to, nullptr});
  leave(SimCall::kRename, from);
  return {};
}

Result<void> SimFiles::remove(const std::string& path) {
  MR_TRY(enter(SimCall::kRemove, path));
  if (disk_->now_.files.count(path) == 0) {
    return not_found(path + " is not there");
  }
  disk_->change({SimDisk::Change::Kind::kRemove, {}, path, {}, nullptr});
  leave(SimCall::kRemove, path);
  return {};
}

Result<void> SimFiles::make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string folder = path.substr(0, slash);
    bool made = !is_folder(folder);
    if (made) {
      disk_->change({SimDisk::Change::Kind::kMakeFolder, {}, folder, {}, nullptr});
    }
    if (made || slash == std::string::npos) {
      MR_TRY(sync_folder(folder + "/.."));
    }
    if (slash == std::string::npos) {
      return {};
    }
  }
}

Result<void> SimFiles::sync_folder(const std::string& path) {
  std::string folder = normal(path);
  if (Result<void> entered = enter(SimCall::kSyncFolder, folder); !entered.ok()) {
    disk_->fail_sync_folder(folder);
    return entered;
  }
  disk_->sync_folder(folder);
  leave(SimCall::kSyncFolder, folder);
  return {};
}

Result<std::unique_ptr<FileLock>> SimFiles::lock(const std::string& path) {
  if (!disk_->locks_.insert(path).second) {
    return unavailable(path + " is held by another process");
  }
  return std::unique_ptr<FileLock>(std::make_unique<SimLock>(disk_->locks_, path));
}

Result<DiskSpace> SimFiles::space(const std::string& path) {
  MR_TRY(enter(SimCall::kSpace, path));
  return DiskSpace{disk_->capacity_bytes(), disk_->available_bytes()};
}

}  // namespace millrace
