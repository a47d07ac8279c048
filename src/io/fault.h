#pragma once
// A file system that goes wrong on demand, around one that doesn't: for tests of what happens when the N-th write, sync
// or rename fails. Safe from any thread.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/file.h"

namespace millrace {

enum class FaultCall { kOpen, kRead, kWrite, kSync, kTruncate, kRename, kRemove, kSyncFolder, kCount };

class FaultFileSystem final : public FileSystem {
 public:
  explicit FaultFileSystem(FileSystem& under) : under_(under) {}

  // The `nth` call of this kind from now on fails (1: the next one). kFull stands for ENOSPC, kUnavailable for EIO. A
  // write that fails has written the first half of its bytes before.
  void fail(FaultCall call, std::uint64_t nth, Code code = Code::kUnavailable);
  // From now on every call that changes something fails, as if the program had been killed here.
  void unplug() { unplugged_ = true; }
  // What space() says is available; nothing: the truth.
  void set_available_bytes(std::optional<std::uint64_t> bytes);
  // Called before each call, with its path, outside of any lock: to hold a sync until the test says so.
  void before_calls(std::function<void(FaultCall, const std::string&)> observer);

  std::uint64_t calls(FaultCall call) const { return calls_[static_cast<std::size_t>(call)]; }
  // Whether a fault that was asked for has happened.
  bool has_failed() const { return failed_; }
  // How often a file was synced although a write or sync of it had failed before: must stay 0.
  std::uint64_t syncs_after_failure() const { return syncs_after_failure_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& folder) override { return under_.list(folder); }
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_folders(const std::string& path) override { return under_.make_folders(path); }
  Result<void> sync_folder(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return under_.lock(path); }
  Result<DiskSpace> space(const std::string& path) override;

 private:
  friend class FaultFile;
  struct Plan {
    std::uint64_t at_call = 0;  // 0: none
    Code code = Code::kUnavailable;
  };
  Result<void> enter(FaultCall call, const std::string& path);

  FileSystem& under_;
  std::atomic<bool> unplugged_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<std::uint64_t> syncs_after_failure_ = 0;
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(FaultCall::kCount)> calls_{};
  std::mutex mutex_;  // guards what follows
  std::array<Plan, static_cast<std::size_t>(FaultCall::kCount)> plans_{};
  std::optional<std::uint64_t> available_bytes_;
  std::function<void(FaultCall, const std::string&)> observer_;
};

}  // namespace millrace
