#pragma once
// The operating system's files, behind a seam: posix/ is the real one, fault/ wraps another and fails the N-th call.
// Errors: kNotFound (no such file), kFull (ENOSPC, EDQUOT: free space, then try again), kUnavailable (everything else,
// EIO among it), each with path, call and errno in its message. EINTR and short writes are dealt with inside.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace {

// An open file. Calls on one file may come from several threads at once; the caller orders overlapping writes.
class File {
 public:
  virtual ~File() = default;
  // All of it, or an error after which an unknown part may have been written.
  virtual Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) = 0;
  // Up to `size` bytes; fewer only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) = 0;
  // The bytes written before are on stable storage when this returns ok (fdatasync). After an error the state of the
  // pages is unknown: never sync this file again, never trust what was written since the last ok.
  virtual Result<void> sync() = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  // Makes all of the file system durable that holds this file (syncfs).
  virtual Result<void> sync_file_system() = 0;
};

// Held for as long as the object lives; the kernel frees it when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode { kRead, kReadWrite, kCreate /* must not exist */, kCreateOrOpen };

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;  // to this user
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;  // names, sorted, without . and ..
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;  // kNotFound when it is not there
  // With parents; mode 0700. The names of those that it makes, and of the last one, are durable when it returns ok.
  virtual Result<void> make_folders(const std::string& path) = 0;
  virtual Result<void> sync_folder(const std::string& path) = 0;  // makes renames, creations and removals in it durable
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;  // kUnavailable when another holds it
  virtual Result<DiskSpace> space(const std::string& path) = 0;
};

// The machine's files. Lives for ever.
FileSystem& posix_file_system();

// The whole file. kInvalid when it is larger than `bytes_max`.
Result<std::string> read_file(FileSystem& files, const std::string& path, std::uint64_t bytes_max);
// Replaces `path` so that a crash or power cut at any moment leaves the old or the new content: write to path.tmp,
// sync, rename, sync the folder. After an error the old content is there.
Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view content);

}  // namespace millrace
