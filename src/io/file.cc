#include "io/file.h"

#include <fmt/format.h>

namespace millrace {
namespace {

std::string folder_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_new(FileSystem& files, const std::string& path, std::string_view content) {
  Result<void> removed = files.remove(path);  // left behind by a crash
  if (!removed.ok() && removed.error().code != Code::kNotFound) {
    return removed;
  }
  MR_ASSIGN(std::unique_ptr<File> file, files.open(path, OpenMode::kCreate));
  std::string_view pieces[] = {content};
  MR_TRY(file->write_at(0, pieces));
  return file->sync();
}

}  // namespace

Result<std::string> read_file(FileSystem& files, const std::string& path, std::uint64_t bytes_max) {
  MR_ASSIGN(std::unique_ptr<File> file, files.open(path, OpenMode::kRead));
  MR_ASSIGN(std::uint64_t size, file->size());
  if (size > bytes_max) {
    return invalid(fmt::format("{} has {} bytes; at most {} are expected", path, size, bytes_max));
  }
  std::string content(size, '\0');
  MR_ASSIGN(std::size_t got, file->read_at(0, content.data(), content.size()));
  content.resize(got);
  return content;
}

Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view content) {
  std::string fresh = path + ".tmp";
  Result<void> written = write_new(files, fresh, content);
  if (!written.ok()) {
    (void)files.remove(fresh).ok();  // the error that counts is the first one
    return written;
  }
  MR_TRY(files.rename(fresh, path));
  return files.sync_folder(folder_of(path));
}

}  // namespace millrace
