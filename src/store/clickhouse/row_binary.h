#pragma once
// Reads ClickHouse's RowBinary: numbers little-endian, strings and arrays behind a varuint length.

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace millrace::clickhouse {

// As ByteReader: check ok() once, at the end.
class RowReader {
 public:
  explicit RowReader(std::string_view body) : bytes_(body) {}

  bool more() const { return bytes_.ok() && !bytes_.rest().empty(); }
  bool ok() const { return bytes_.ok(); }

  template <typename Number>
  Number number() {
    return bytes_.number<Number>();
  }
  std::uint64_t varuint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      std::uint8_t byte = bytes_.number<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }
  std::string_view string() { return bytes_.take(varuint()); }
  std::vector<std::string> strings() {
    std::vector<std::string> values;
    for (std::uint64_t left = varuint(); left > 0 && bytes_.ok(); --left) values.emplace_back(string());
    return values;
  }

 private:
  ByteReader bytes_;
};

}  // namespace millrace::clickhouse
