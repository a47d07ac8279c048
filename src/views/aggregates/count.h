#pragma once
// count: how many events. Exact.

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "views/field_value.h"

namespace millrace {

class CountState {
 public:
  std::size_t update(const FieldValue&) { return ++count_, 0; }
  void combine(const CountState& other) { count_ += other.count_; }
  void finalize(JsonWriter& json) const { json.unsigned_integer(count_); }
  std::size_t heap_bytes() const { return 0; }

  static constexpr std::uint8_t kVersion = 1;
  void append_to(std::string& bytes) const { append_le(bytes, count_); }
  Result<void> read(ByteReader& reader) { return count_ = reader.number<std::uint64_t>(), Result<void>(); }

  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace millrace
