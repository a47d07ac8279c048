#include "stream/log/damage.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"

namespace millrace {
namespace {

constexpr std::uint64_t kCopyBytesMax = 64 << 20;

Result<std::string> copy_aside(FileSystem& files, File& file, const std::string& path, const DamagedPlace& place) {
  std::string bytes(static_cast<std::size_t>(std::min(place.bytes, kCopyBytesMax)), '\0');
  MR_ASSIGN(std::size_t got, file.read_at(place.offset, bytes.data(), bytes.size()));
  bytes.resize(got);
  MR_TRY(replace_file(files, path, bytes));
  return path;
}

}  // namespace

DamageLog::DamageLog(FileSystem& files, Metrics& metrics, std::string folder)
    : files_(files), metrics_(metrics), folder_(std::move(folder)) {}

void DamageLog::set_aside(File& file, const SegmentIdentity& identity, const DamagedPlace& place) {
  std::lock_guard lock(mutex_);
  if (!known_.emplace(identity.segment, place.offset).second) {
    return;
  }
  metrics_.add(Metric::kStreamDamagedBytes, static_cast<std::int64_t>(place.bytes));
  std::string folder = folder_ + "/damaged";
  Result<void> made = files_.make_folders(folder);
  Result<std::string> copied =
      made.ok()
          ? copy_aside(files_, file, fmt::format("{}/{:016x}-{:x}.bin", folder, identity.segment, place.offset), place)
          : Result<std::string>(made.error());
  log_error("the log is damaged: events that were durable can't be read any more",
            {{"partition", identity.partition.value},
             {"first_sequence", place.range.begin.value},
             {"end_sequence", place.range.end.value},
             {"segment", segment_name(identity.segment)},
             {"offset", place.offset},
             {"bytes", place.bytes},
             {"copied_to", copied.ok() ? *copied : "nowhere: " + copied.error().message}});
}

}  // namespace millrace
