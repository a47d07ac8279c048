#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "io/file.h"
#include "io/posix/write_all.h"

namespace millrace {
namespace {

Error system_error(const char* call, const std::string& path, int number) {
  char buffer[128];
  std::string message = std::string(call) + " " + path + ": " + strerror_r(number, buffer, sizeof buffer);
  if (number == ENOENT) {
    return not_found(std::move(message));
  }
  // No space, and no descriptor: both come back without anybody having lost anything.
  if (number == ENOSPC || number == EDQUOT || number == EMFILE || number == ENFILE) {
    return full(std::move(message));
  }
  return unavailable(std::move(message));
}

// Calls again while a signal interrupts.
template <typename Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) {
    result = call();
  }
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    int failed = write_all(
        [this](const iovec* vectors, int count, std::uint64_t at) {
          return ::pwritev(descriptor_.number(), vectors, count, static_cast<off_t>(at));
        },
        offset, pieces);
    if (failed != 0) {
      return system_error("pwritev", path_, failed);
    }
    return {};
  }

  Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
    std::size_t got = 0;
    while (got < size) {
      ssize_t more = uninterrupted(
          [&] { return ::pread(descriptor_.number(), into + got, size - got, static_cast<off_t>(offset + got)); });
      if (more < 0) {
        return system_error("pread", path_, errno);
      }
      if (more == 0) {
        break;
      }
      got += static_cast<std::size_t>(more);
    }
    return got;
  }

  // Never called again after an error, not even for EINTR: the kernel may have marked pages clean that it didn't write.
  Result<void> sync() override { return check("fdatasync", ::fdatasync(descriptor_.number())); }

  Result<std::uint64_t> size() override {
    struct stat about {};
    if (::fstat(descriptor_.number(), &about) != 0) {
      return system_error("fstat", path_, errno);
    }
    return static_cast<std::uint64_t>(about.st_size);
  }

  Result<void> truncate(std::uint64_t size) override {
    return check("ftruncate",
                 uninterrupted([&] { return ::ftruncate(descriptor_.number(), static_cast<off_t>(size)); }));
  }

  Result<void> sync_file_system() override { return check("syncfs", ::syncfs(descriptor_.number())); }

 private:
  Result<void> check(const char* call, int result) {
    if (result != 0) {
      return system_error(call, path_, errno);
    }
    return {};
  }

  Descriptor descriptor_;
  std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kCreateOrOpen:
      return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

Descriptor open_descriptor(const std::string& path, int flags) {
  return Descriptor(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); }));
}

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    Descriptor descriptor = open_descriptor(path, open_flags(mode));
    if (descriptor.number() < 0) {
      return system_error("open", path, errno);
    }
    return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(descriptor), path));
  }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    DIR* opened = ::opendir(folder.c_str());
    if (opened == nullptr) {
      return system_error("opendir", folder, errno);
    }
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(opened)) {
      std::string name = entry->d_name;
      if (name != "." && name != "..") {
        names.push_back(std::move(name));
      }
    }
    int failed = errno;
    ::closedir(opened);
    if (failed != 0) {
      return system_error("readdir", folder, failed);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return system_error("rename", from + " to " + to, errno);
    }
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) {
      return {};
    }
    if (errno == EISDIR && ::rmdir(path.c_str()) == 0) {
      return {};
    }
    return system_error("remove", path, errno);
  }

  Result<void> make_folders(const std::string& path) override {
    for (std::size_t slash = path.find('/', 1); true; slash = path.find('/', slash + 1)) {
      std::string part = path.substr(0, slash);
      bool made = ::mkdir(part.c_str(), 0700) == 0;
      if (!made && errno != EEXIST) {
        return system_error("mkdir", part, errno);
      }
      bool last = slash == std::string::npos;
      if (made || last) {
        MR_TRY(sync_parent(part, made));
      }
      if (last) {
        return check_folder(path);
      }
    }
  }

  Result<void> sync_folder(const std::string& path) override {
    Descriptor descriptor = open_descriptor(path, O_RDONLY | O_DIRECTORY);
    if (descriptor.number() < 0) {
      return system_error("open", path, errno);
    }
    if (::fsync(descriptor.number()) != 0) {
      return system_error("fsync", path, errno);
    }
    return {};
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    Descriptor descriptor = open_descriptor(path, open_flags(OpenMode::kCreateOrOpen));
    if (descriptor.number() < 0) {
      return system_error("open", path, errno);
    }
    if (::flock(descriptor.number(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return unavailable(path + " is locked: another millrace runs on this folder; stop it, or use another folder");
      }
      return system_error("flock", path, errno);
    }
    return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(descriptor)));
  }

  Result<DiskSpace> space(const std::string& path) override {
    struct statvfs about {};
    if (::statvfs(path.c_str(), &about) != 0) {
      return system_error("statvfs", path, errno);
    }
    return DiskSpace{about.f_blocks * about.f_frsize, about.f_bavail * about.f_frsize};
  }

 private:
  // The last folder may be there and not durable: whoever made it may have died before this. Where the parent is not
  // ours to read, it was made by somebody else.
  Result<void> sync_parent(const std::string& folder, bool made) {
    std::size_t slash = folder.rfind('/');
    std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : folder.substr(0, slash);
    if (!made && ::access(parent.c_str(), R_OK) != 0) {
      return {};
    }
    return sync_folder(parent);
  }

  static Result<void> check_folder(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) {
      return system_error("stat", path, errno);
    }
    if (!S_ISDIR(about.st_mode)) {
      return unavailable(path + " is not a folder");
    }
    return {};
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace millrace
