#pragma once
// Little-endian numbers in byte strings: what every format of Millrace on disk is made of.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace millrace {

template <typename Number>
Number load_le(const void* from) {
  static_assert(std::is_arithmetic_v<Number>);
  Number number;
  std::memcpy(&number, from, sizeof number);  // x86-64 is little-endian
  return number;
}

template <typename Number>
void store_le(void* to, Number number) {
  static_assert(std::is_arithmetic_v<Number>);
  std::memcpy(to, &number, sizeof number);
}

template <typename Number>
void append_le(std::string& to, Number number) {
  static_assert(std::is_arithmetic_v<Number>);
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// Reads numbers and byte strings from the front of `bytes`. After the first read past the end, ok() is false and every
// read gives zeros: check once, at the end.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <typename Number>
  Number number() {
    std::string_view raw = take(sizeof(Number));
    return raw.size() == sizeof(Number) ? load_le<Number>(raw.data()) : Number{};
  }

  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace millrace
