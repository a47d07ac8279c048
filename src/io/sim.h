#pragma once
// A machine's disk in memory that is as bad as POSIX allows, from a seed, and a process's files on it.
//
// What isn't synced may be lost, kept or torn, page by page and in any order, when the power is cut; names are apart
// from contents and have a sync of their own (of the folder). The kernel may also write anything back at any time.
// After a sync that failed, pages that were not written look clean: a later sync says ok and writes nothing. One thread
// at a time.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "io/file.h"
#include "io/sim_random.h"

namespace millrace {

// Thrown by a hook of SimFiles: the process dies in this call.
struct SimCrash {};

class SimDisk {
 public:
  struct Inode;
  // shared_ptr: a file lives as long as a name, a durable name or an open file refers to it.
  using InodePtr = std::shared_ptr<Inode>;

  explicit SimDisk(std::uint64_t seed, std::uint64_t capacity_bytes = 1ULL << 40);

  // Everything that was not synced is lost, kept or torn. No file may be open.
  void cut_power();
  // Another disk with the same contents, all of it durable. Files that are open stay on this one.
  std::unique_ptr<SimDisk> copy(std::uint64_t seed) const;
  // Others' files take so much of the disk.
  void set_foreign_bytes(std::uint64_t bytes) { foreign_bytes_ = bytes; }
  std::uint64_t available_bytes() const;
  std::uint64_t capacity_bytes() const { return capacity_bytes_; }
  void set_capacity_bytes(std::uint64_t bytes) { capacity_bytes_ = bytes; }
  // For tests: what a reader sees, and what would be there if nothing else reached the disk. Null: no such file.
  const std::string* content(const std::string& path) const;
  // Flips one bit of a file, on the disk and in the cache.
  void damage(const std::string& path, std::uint64_t bit);

 private:
  friend class SimFiles;
  friend class SimFile;

  // What happened to the names in a folder since it was synced last.
  struct Change {
    enum class Kind { kCreate, kMakeFolder, kRename, kRemove } kind;
    std::string folder;
    std::string path;
    std::string to;  // of a rename
    InodePtr inode;  // of a new file
  };
  struct Names {
    std::map<std::string, InodePtr> files;
    std::set<std::string> folders;
    void apply(const Change& change);
  };

  void change(Change change);
  void sync_folder(const std::string& folder);
  void fail_sync_folder(const std::string& folder);  // some of the oldest changes may be durable
  void keep_oldest(const std::string& folder, std::size_t count);
  std::size_t changes(const std::string& folder) const;
  // As much as there is room for; true when that is all.
  bool write(Inode& inode, std::uint64_t offset, std::string_view bytes);
  void sync(Inode& inode);
  void fail_sync(Inode& inode);
  void write_back_some(Inode& inode);
  void lose_power(Inode& inode);

  SimRandom random_;
  std::uint64_t capacity_bytes_;
  std::uint64_t foreign_bytes_ = 0;
  Names now_;
  Names durable_;
  std::vector<Change> pending_;
  std::set<std::string> locks_;
};

enum class SimCall { kOpen, kRead, kWrite, kSync, kTruncate, kSyncFileSystem, kRename, kRemove, kSyncFolder, kSpace };

// The files of one process. Its hooks decide what becomes of each call.
class SimFiles final : public FileSystem {
 public:
  explicit SimFiles(SimDisk& disk) : disk_(&disk) {}

  // Called before a call: an error makes it fail (a write has written a part then, a sync as much as chance has it);
  // may throw SimCrash, as `after` may.
  std::function<Result<void>(SimCall, const std::string& path)> before;
  std::function<void(SimCall, const std::string& path)> after;

  // How often a file was synced although a write or sync of it had failed before in this process: must stay 0.
  std::uint64_t syncs_after_failure() const { return syncs_after_failure_; }
  SimDisk& disk() { return *disk_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_folders(const std::string& path) override;
  Result<void> sync_folder(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<DiskSpace> space(const std::string& path) override;

 private:
  friend class SimFile;
  Result<void> enter(SimCall call, const std::string& path) { return before ? before(call, path) : Result<void>(); }
  void leave(SimCall call, const std::string& path) {
    if (after) {
      after(call, path);
    }
  }
  bool is_folder(const std::string& path) const;

  SimDisk* disk_;
  std::set<SimDisk::InodePtr> broken_;  // after a write or sync that failed
  std::uint64_t syncs_after_failure_ = 0;
};

}  // namespace millrace
