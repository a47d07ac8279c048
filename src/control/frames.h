#pragma once
// The frames that the logs of control state are made of. docs/formats/control.md has worked examples.
//
//   u32 bytes of the change, u32 CRC-32C of those four bytes and the change, the change as JSON

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/file.h"

namespace millrace {

inline constexpr std::size_t kControlFrameHeaderBytes = 8;

// `change` has at least one byte.
void append_frame(std::string& to, std::string_view change);

struct Frames {
  struct Frame {
    std::size_t at = 0;
    std::string_view change;
  };
  std::vector<Frame> all;
  std::size_t last = 0;        // where the last whole frame begins; good_bytes when there is none
  std::size_t good_bytes = 0;  // what follows is the torn end of a frame that was never confirmed
};

// The frames behind the first `header_bytes`; views into `bytes`. kCorrupt: a frame that was durable once is damaged.
Result<Frames> parse_frames(std::string_view bytes, std::size_t header_bytes, std::size_t change_bytes_max);

// What a start owes a log before it believes what it read there. The process before may have died before it synced its
// last change, or that sync failed: then the change is in the kernel's memory alone, and a sync by itself may write
// nothing. So the last frame is written once more, what is torn behind it cut off, file and folder synced.
Result<void> settle_frames(FileSystem& files, const std::string& path, File& file, std::string_view bytes,
                           std::size_t last, std::size_t good_bytes);

}  // namespace millrace
