#include "control/frames.h"

#include <optional>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/log.h"

namespace millrace {

namespace {

std::uint32_t checksum(std::string_view size_bytes, std::string_view change) {
  return crc32c(change, crc32c(size_bytes));
}

// The change in the frame at the front of `bytes`; nothing when there is no whole and right one.
std::optional<std::string_view> frame_at(std::string_view bytes, std::size_t change_bytes_max) {
  ByteReader reader(bytes);
  auto size = reader.number<std::uint32_t>();
  auto sum = reader.number<std::uint32_t>();
  if (size == 0 || size > change_bytes_max) {
    return std::nullopt;
  }
  std::string_view change = reader.take(size);
  if (!reader.ok() || checksum(bytes.substr(0, sizeof size), change) != sum) {
    return std::nullopt;
  }
  return change;
}

// A torn write leaves nothing behind it. So a whole change further on, or more bytes than one change has, mean that
// what lies here was durable once.
bool is_damage(std::string_view rest, std::size_t change_bytes_max) {
  if (rest.size() > kControlFrameHeaderBytes + change_bytes_max) {
    return true;
  }
  for (std::size_t at = 1; at + kControlFrameHeaderBytes < rest.size(); ++at) {
    if (frame_at(rest.substr(at), change_bytes_max)) {
      return true;
    }
  }
  return false;
}

}  // namespace

void append_frame(std::string& to, std::string_view change) {
  std::string size;
  append_le(size, static_cast<std::uint32_t>(change.size()));
  to.append(size);
  append_le(to, checksum(size, change));
  to.append(change);
}

Result<Frames> parse_frames(std::string_view bytes, std::size_t header_bytes, std::size_t change_bytes_max) {
  Frames frames;
  frames.last = frames.good_bytes = header_bytes;
  while (frames.good_bytes < bytes.size()) {
    std::string_view rest = bytes.substr(frames.good_bytes);
    std::optional<std::string_view> change = frame_at(rest, change_bytes_max);
    if (!change) {
      if (is_damage(rest, change_bytes_max)) {
        return corrupt(
            fmt::format("the change at byte {} is damaged; restore the file from a copy", frames.good_bytes));
      }
      break;
    }
    frames.all.push_back({frames.good_bytes, *change});
    frames.last = frames.good_bytes;
    frames.good_bytes += kControlFrameHeaderBytes + change->size();
  }
  return frames;
}

Result<void> settle_frames(FileSystem& files, const std::string& path, File& file, std::string_view bytes,
                           std::size_t last, std::size_t good_bytes) {
  if (last < good_bytes) {
    std::string_view pieces[] = {bytes.substr(last, good_bytes - last)};
    MR_TRY(file.write_at(last, pieces));
  }
  if (good_bytes < bytes.size()) {
    log_warning("dropped the torn end of a control log: a change that was never confirmed",
                {{"file", path}, {"bytes", bytes.size() - good_bytes}});
    MR_TRY(file.truncate(good_bytes));
  }
  MR_TRY(file.sync());
  return files.sync_folder(path.substr(0, path.rfind('/')));
}

}  // namespace millrace
