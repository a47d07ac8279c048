#pragma once
// Bytes that came from a socket and are not used up yet. Keeps its memory from request to request, and
// kBodyPaddingBytes of spare memory behind it.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "http/server.h"

namespace millrace::http {

class Buffer {
 public:
  std::string_view view() const { return {data_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }

  void consume(std::size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }

  // Makes room for at least `wanted` more bytes and returns where they go; views from before are void. Grows by
  // doubling, so that memory follows what has come, not what was announced.
  char* space(std::size_t wanted) {
    if (capacity_ - end_ < wanted) make_room(wanted);
    return data_.get() + end_;
  }
  std::size_t room() const { return capacity_ - end_; }
  void filled(std::size_t size) { end_ += size; }

  // Gives large memory back once it is empty.
  void trim(std::size_t keep_bytes) {
    if (!empty() || capacity_ <= keep_bytes) return;
    data_.reset();
    capacity_ = 0;
  }

 private:
  void make_room(std::size_t wanted) {
    std::size_t used = end_ - begin_;
    std::size_t capacity = std::max<std::size_t>(capacity_, kSmallestBytes);
    while (capacity < used + wanted) capacity *= 2;
    auto grown = std::make_unique_for_overwrite<char[]>(capacity + kBodyPaddingBytes);
    if (used > 0) std::memcpy(grown.get(), data_.get() + begin_, used);
    std::memset(grown.get() + capacity, 0, kBodyPaddingBytes);
    data_ = std::move(grown);
    capacity_ = capacity;
    begin_ = 0;
    end_ = used;
  }

  static constexpr std::size_t kSmallestBytes = 4 << 10;
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;  // without the padding
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace millrace::http
