#include "engine/process_stats.h"

#include <charconv>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace millrace::engine {
namespace {

std::string read_from_start(int fd) {
  char text[1024];
  ssize_t size = fd < 0 ? -1 : pread(fd, text, sizeof text, 0);
  return size <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

// The number behind `label`; 0 when it isn't there.
std::uint64_t number_behind(std::string_view text, std::string_view label) {
  std::size_t at = text.find(label);
  if (at == std::string_view::npos) return 0;
  text.remove_prefix(at + label.size());
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

ProcessStatsReader::ProcessStatsReader(const std::string& proc_folder)
    : statm_(open((proc_folder + "/statm").c_str(), O_RDONLY | O_CLOEXEC)),
      io_(open((proc_folder + "/io").c_str(), O_RDONLY | O_CLOEXEC)) {}

ProcessStatsReader::~ProcessStatsReader() {
  if (statm_ >= 0) close(statm_);
  if (io_ >= 0) close(io_);
}

ProcessStats ProcessStatsReader::read() const {
  std::string io = read_from_start(io_);
  std::uint64_t pages = number_behind(read_from_start(statm_), " ");  // the second field
  std::uint64_t written = number_behind(io, "\nwrite_bytes: ");
  std::uint64_t cancelled = number_behind(io, "cancelled_write_bytes: ");
  return {pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)), written > cancelled ? written - cancelled : 0};
}

}  // namespace millrace::engine
