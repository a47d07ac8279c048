#include "stream/log/group_buffer.h"

namespace millrace {
namespace {

constexpr std::size_t kCopiedPayloadMax = 16 << 10;

}  // namespace

void GroupBuffer::begin(std::uint64_t offset) {
  offset_ = offset;
  bytes_ = 0;
  copied_.clear();
  cuts_.clear();
}

void GroupBuffer::add_bytes(std::string_view bytes) {
  copied_.append(bytes);
  bytes_ += bytes.size();
}

void GroupBuffer::add_frame(const SegmentIdentity& identity, const FrameFields& fields, std::string_view payload) {
  char header[kFrameHeaderBytes];
  encode_frame_header(header, identity, end(), fields, payload);
  copied_.append(header, sizeof header);
  if (payload.size() <= kCopiedPayloadMax) {
    copied_.append(payload);
  } else {
    cuts_.push_back({copied_.size(), payload});
  }
  std::uint64_t bytes = frame_bytes(payload.size());
  copied_.append(static_cast<std::size_t>(bytes - kFrameHeaderBytes - payload.size()), '\0');
  bytes_ += bytes;
}

const std::vector<std::string_view>& GroupBuffer::pieces() {
  pieces_.clear();
  std::string_view copied = copied_;
  std::size_t from = 0;
  for (const Cut& cut : cuts_) {
    pieces_.push_back(copied.substr(from, cut.copied_before - from));
    pieces_.push_back(cut.payload);
    from = cut.copied_before;
  }
  pieces_.push_back(copied.substr(from));
  return pieces_;
}

}  // namespace millrace
