#include "stream/log/segment_cursor.h"

#include <algorithm>

namespace millrace {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;

// Where in `chunk` something begins that claims to be a frame with sequence numbers within [least, most], which sorts
// out nearly all that only looks like one before its checksum is computed. Else the first place with too few bytes for
// a header.
std::size_t find_claim(std::string_view chunk, SequenceNumber least, SequenceNumber most) {
  std::size_t at = 0;
  for (; at + kFrameHeaderBytes <= chunk.size(); at += kFrameAlignment) {
    std::optional<FrameClaim> claim = peek_frame(chunk.substr(at, kFrameHeaderBytes));
    if (claim && claim->fields.first >= least && claim->fields.end() <= most) {
      break;
    }
  }
  return at;
}

}  // namespace

SegmentCursor::SegmentCursor(File& file, const SegmentIdentity& identity, std::uint64_t limit)
    : file_(file), identity_(identity), limit_(limit) {}

Result<std::string_view> SegmentCursor::bytes(std::uint64_t offset, std::size_t size) {
  if (offset >= limit_) {
    return std::string_view();
  }
  size = static_cast<std::size_t>(std::min<std::uint64_t>(size, limit_ - offset));
  bool buffered = offset >= buffer_offset_ && offset + size <= buffer_offset_ + buffer_size_;
  if (!buffered) {
    auto chunk = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(size, kChunkBytes), limit_ - offset));
    if (buffer_.size() < chunk) {
      buffer_.resize(chunk);
    }
    buffer_size_ = 0;  // should the read fail
    MR_ASSIGN(buffer_size_, file_.read_at(offset, buffer_.data(), chunk));
    buffer_offset_ = offset;
    size = std::min(size, buffer_size_);
  }
  return std::string_view(buffer_).substr(static_cast<std::size_t>(offset - buffer_offset_), size);
}

Result<std::optional<Frame>> SegmentCursor::at(std::uint64_t offset) {
  MR_ASSIGN(std::string_view header, bytes(offset, kFrameHeaderBytes));
  std::optional<FrameClaim> claim = peek_frame(header);
  if (!claim) {
    return std::optional<Frame>();
  }
  return check(offset, *claim);
}

Result<std::optional<Frame>> SegmentCursor::check(std::uint64_t offset, const FrameClaim& claim) {
  if (claim.bytes() > limit_ - offset) {
    return std::optional<Frame>();
  }
  MR_ASSIGN(std::string_view frame, bytes(offset, static_cast<std::size_t>(claim.bytes())));
  if (frame.size() < claim.bytes() || !frame_is_whole(frame, identity_, offset)) {
    return std::optional<Frame>();
  }
  return std::optional<Frame>(
      {claim.fields, offset, claim.bytes(), frame.substr(kFrameHeaderBytes, claim.payload_bytes)});
}

Result<std::optional<Frame>> SegmentCursor::find(std::uint64_t offset, SequenceNumber least, SequenceNumber most) {
  while (offset + kFrameHeaderBytes <= limit_) {
    MR_ASSIGN(std::string_view chunk, bytes(offset, kFrameHeaderBytes));
    if (chunk.size() < kFrameHeaderBytes) {
      break;
    }
    // All of the buffer from here on, so that the loop below is quick over the zeros ahead of use.
    chunk = std::string_view(buffer_).substr(static_cast<std::size_t>(offset - buffer_offset_));
    chunk = chunk.substr(0, static_cast<std::size_t>(buffer_offset_ + buffer_size_ - offset));
    std::size_t next = find_claim(chunk, least, most);
    offset += next;
    if (next + kFrameHeaderBytes > chunk.size()) {
      continue;
    }
    MR_ASSIGN(std::optional<Frame> frame, check(offset, *peek_frame(chunk.substr(next))));
    if (frame) {
      return frame;
    }
    offset += kFrameAlignment;
  }
  return std::optional<Frame>();
}

}  // namespace millrace
