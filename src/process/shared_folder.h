#pragma once
// A partition's folder of checkpoint and snapshots where several processors share the partitions: it lies in the store,
// with the owner of the partition (store/shared_state.h). Processor and recovery use it as they use a folder on disk.
//
// Nothing of it is kept here but what is being written. One thread.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/file.h"
#include "store/shared_state.h"

namespace millrace {

class SharedFolder final : public FileSystem {
 public:
  // `before` and `folder`: what is in that folder of this machine is taken when no owner has left anything: the
  // partition had one server so far.
  SharedFolder(SharedState& state, FileSystem& before, std::string folder, PartitionId partition)
      : state_(state), before_(before), folder_(std::move(folder)), partition_(partition) {}

  // From now on it holds what this owner of the partition has left. It can't be written.
  Result<void> open(const Takeover& owner);
  // From now on it is that of `mine`, with a copy of all that the other has by now, and can be written. The other may
  // be at work still: what it leaves later isn't seen.
  Result<void> take(const Takeover& mine);
  // The partition is mine by now: what older owners left is given up.
  void forget_others();

  // What Stream::attend() is told; empty when there is nothing.
  Result<std::string> places();
  Result<void> put_places(std::string_view bytes);

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<void> rename(const std::string& from, const std::string& to) override;  // writes it to the store
  Result<void> remove(const std::string& path) override;
  Result<void> make_folders(const std::string& path) override { return before_.make_folders(path); }
  Result<void> sync_folder(const std::string&) override { return {}; }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return before_.lock(path); }
  Result<DiskSpace> space(const std::string& path) override { return before_.space(path); }

 private:
  Result<std::string> get(const std::string& name);
  Result<void> put(const std::string& name, std::string_view bytes);
  bool of_partition(const std::string& name) const;

  SharedState& state_;
  FileSystem& before_;
  const std::string folder_;
  const PartitionId partition_;
  Takeover place_;
  bool mine_ = false;
  bool from_before_ = false;                                     // nothing was left: the names are of `before_`
  std::uint64_t places_ = 0;                                     // the number of those that are the newest
  std::set<std::string> names_;                                  // that are there
  std::vector<std::string> unwanted_;                            // removed, and still in the store
  std::map<std::string, std::shared_ptr<std::string>> written_;  // shared_ptr: with the open file that writes it
};

}  // namespace millrace
