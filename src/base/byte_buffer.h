#pragma once
// For code that copies many short texts: a buffer that grows without zeroing, and copies without calls.

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/bytes.h"

namespace millrace {

// Copies `text` and returns one past its end. Most texts of an event are shorter than a call of memcpy() is long.
inline char* put_text(char* to, std::string_view text) {
  const char* from = text.data();
  std::size_t size = text.size();
  if (size > 64) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    if (size > 32) {
      std::memcpy(to + 16, from + 16, 16);
      std::memcpy(to + size - 32, from + size - 32, 16);
    }
    std::memcpy(to, from, 16);
    std::memcpy(to + size - 16, from + size - 16, 16);
  } else if (size >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + size - 8, from + size - 8, 8);
  } else if (size >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + size - 4, from + size - 4, 4);
  } else if (size > 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
  return to + size;
}

// Bytes one behind the other. Not zeroed when it grows, so what room() gives must be written.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(const ByteBuffer& from) { append(from.view()); }
  ByteBuffer(ByteBuffer&& from) noexcept { swap(from); }
  ByteBuffer& operator=(ByteBuffer from) noexcept {
    swap(from);
    return *this;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const char* data() const { return bytes_.get(); }
  std::string_view view() const { return {bytes_.get(), size_}; }
  void clear() { size_ = 0; }

  // Where the next `bytes` go; they count once taken() has been told where they end.
  char* room(std::size_t bytes) {
    if (capacity_ - size_ < bytes) {
      grow(bytes);
    }
    return bytes_.get() + size_;
  }
  void taken(const char* end) { size_ = static_cast<std::size_t>(end - bytes_.get()); }

  void append(std::string_view text) { taken(put_text(room(text.size()), text)); }
  void push_back(char byte) { append({&byte, 1}); }
  template <typename Number>
  void append_number(Number number) {
    char* to = room(sizeof number);
    store_le(to, number);
    taken(to + sizeof number);
  }

  void swap(ByteBuffer& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  void grow(std::size_t bytes) {
    std::size_t capacity = std::max({std::size_t{64}, capacity_ * 2, size_ + bytes});
    std::unique_ptr<char[]> larger(new char[capacity]);  // uninitialised, on purpose
    if (size_ > 0) {
      std::memcpy(larger.get(), bytes_.get(), size_);
    }
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace millrace
