#include "io/fault.h"

#include <utility>

namespace millrace {

class FaultFile final : public File {
 public:
  FaultFile(FaultFileSystem& faults, std::unique_ptr<File> under, std::string path)
      : faults_(faults), under_(std::move(under)), path_(std::move(path)) {}

  Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    if (Result<void> entered = faults_.enter(FaultCall::kWrite, path_); !entered.ok()) {
      broken_ = true;
      write_half(offset, pieces);
      return entered;
    }
    return under_->write_at(offset, pieces);
  }

  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    MR_TRY(faults_.enter(FaultCall::kRead, path_));
    return under_->read_at(offset, into, size);
  }

  Result<void> sync() override {
    if (broken_) {
      ++faults_.syncs_after_failure_;
    }
    if (Result<void> entered = faults_.enter(FaultCall::kSync, path_); !entered.ok()) {
      broken_ = true;
      return entered;
    }
    return under_->sync();
  }

  Result<std::uint64_t> size() override { return under_->size(); }

  Result<void> truncate(std::uint64_t size) override {
    MR_TRY(faults_.enter(FaultCall::kTruncate, path_));
    return under_->truncate(size);
  }

  Result<void> sync_file_system() override {
    MR_TRY(faults_.enter(FaultCall::kSync, path_));
    return under_->sync_file_system();
  }

 private:
  void write_half(std::uint64_t offset, std::span<const std::string_view> pieces) {
    if (faults_.unplugged_) {
      return;
    }
    std::string all;
    for (std::string_view piece : pieces) {
      all.append(piece);
    }
    std::string_view half[] = {std::string_view(all).substr(0, all.size() / 2)};
    (void)under_->write_at(offset, half).ok();  // the caller gets the fault that was asked for
  }

  FaultFileSystem& faults_;
  std::unique_ptr<File> under_;
  std::string path_;
  std::atomic<bool> broken_ = false;
};

void FaultFileSystem::fail(FaultCall call, std::uint64_t nth, Code code) {
  std::lock_guard lock(mutex_);
  plans_[static_cast<std::size_t>(call)] = {calls(call) + nth, code};
}

void FaultFileSystem::before_calls(std::function<void(FaultCall, const std::string&)> observer) {
  std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

void FaultFileSystem::set_available_bytes(std::optional<std::uint64_t> bytes) {
  std::lock_guard lock(mutex_);
  available_bytes_ = bytes;
}

Result<void> FaultFileSystem::enter(FaultCall call, const std::string& path) {
  std::function<void(FaultCall, const std::string&)> observer;
  {
    std::lock_guard lock(mutex_);
    observer = observer_;
  }
  if (observer) {
    observer(call, path);
  }
  if (unplugged_ && call != FaultCall::kRead) {
    return unavailable("unplugged: " + path);
  }
  std::lock_guard lock(mutex_);
  std::uint64_t number = ++calls_[static_cast<std::size_t>(call)];
  const Plan& plan = plans_[static_cast<std::size_t>(call)];
  if (plan.at_call == 0 || number != plan.at_call) {
    return {};
  }
  failed_ = true;
  return Error{plan.code, "a fault that was asked for: " + path};
}

Result<std::unique_ptr<File>> FaultFileSystem::open(const std::string& path, OpenMode mode) {
  if (unplugged_ && mode == OpenMode::kRead) {
    MR_ASSIGN(std::unique_ptr<File> under, under_.open(path, mode));
    return std::unique_ptr<File>(std::make_unique<FaultFile>(*this, std::move(under), path));
  }
  MR_TRY(enter(FaultCall::kOpen, path));
  MR_ASSIGN(std::unique_ptr<File> under, under_.open(path, mode));
  return std::unique_ptr<File>(std::make_unique<FaultFile>(*this, std::move(under), path));
}

Result<void> FaultFileSystem::rename(const std::string& from, const std::string& to) {
  MR_TRY(enter(FaultCall::kRename, from));
  return under_.rename(from, to);
}

Result<void> FaultFileSystem::remove(const std::string& path) {
  MR_TRY(enter(FaultCall::kRemove, path));
  return under_.remove(path);
}

Result<void> FaultFileSystem::sync_folder(const std::string& path) {
  MR_TRY(enter(FaultCall::kSyncFolder, path));
  return under_.sync_folder(path);
}

Result<DiskSpace> FaultFileSystem::space(const std::string& path) {
  MR_ASSIGN(DiskSpace space, under_.space(path));
  std::lock_guard lock(mutex_);
  if (available_bytes_) {
    space.available_bytes = *available_bytes_;
  }
  return space;
}

}  // namespace millrace
