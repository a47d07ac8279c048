#pragma once
// The bytes of one group commit on their way to the file: frames one behind the other. Small payloads are copied
// together, because the kernel takes one long piece faster than many short ones; large ones stay where they are.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stream/log/segment_format.h"

namespace millrace {

class GroupBuffer {
 public:
  // Begins anew; the first byte will lie at `offset` of the file.
  void begin(std::uint64_t offset);
  void add_bytes(std::string_view bytes);
  // `payload` must stay as it is until the pieces are written.
  void add_frame(const SegmentIdentity& identity, const FrameFields& fields, std::string_view payload);

  std::uint64_t offset() const { return offset_; }        // of the file, where the first byte goes
  std::uint64_t end() const { return offset_ + bytes_; }  // of the file, behind the last byte
  std::uint64_t bytes() const { return bytes_; }
  // Valid until the next change.
  const std::vector<std::string_view>& pieces();

 private:
  struct Cut {
    std::size_t copied_before;  // bytes of copied_ that go before the payload
    std::string_view payload;
  };
  std::uint64_t offset_ = 0;
  std::uint64_t bytes_ = 0;
  std::string copied_;
  std::vector<Cut> cuts_;
  std::vector<std::string_view> pieces_;
};

}  // namespace millrace
