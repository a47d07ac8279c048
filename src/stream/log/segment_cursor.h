#pragma once
// Walks over the frames of one segment file and tells whole ones from everything else. Readers, recovery, dump and
// verify all look at segments through it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/file.h"
#include "stream/log/segment_format.h"

namespace millrace {

struct Frame {
  FrameFields fields;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;   // with header and padding
  std::string_view payload;  // valid until the cursor's next call
};

class SegmentCursor {
 public:
  // Looks at the bytes before `limit` only. The file must outlive the cursor.
  SegmentCursor(File& file, const SegmentIdentity& identity, std::uint64_t limit);

  // More bytes may be looked at now.
  void set_limit(std::uint64_t limit) { limit_ = limit; }

  // The frame at `offset`; nothing when what is there is no whole frame. Errors are the file's.
  Result<std::optional<Frame>> at(std::uint64_t offset);
  // The first whole frame at or behind `offset` whose sequence numbers lie within [least, most].
  Result<std::optional<Frame>> find(std::uint64_t offset, SequenceNumber least, SequenceNumber most);
  // The bytes at `offset`, up to `size`, fewer at the limit or the end of the file. Valid until the next call.
  Result<std::string_view> bytes(std::uint64_t offset, std::size_t size);

 private:
  Result<std::optional<Frame>> check(std::uint64_t offset, const FrameClaim& claim);

  File& file_;
  const SegmentIdentity identity_;
  std::uint64_t limit_;
  std::string buffer_;
  std::uint64_t buffer_offset_ = 0;
  std::size_t buffer_size_ = 0;
};

}  // namespace millrace
