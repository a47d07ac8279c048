#pragma once
// The members of a canonical `properties` object, without parsing it again: one entry of 6 bytes for each top-level
// member, in the order of the text:
//
//   u16 key_bytes      length of the key's JSON text between its quotes (escapes included)
//   u32 value          bits 0–28: length of the value's JSON text; bits 29–31: PropertyType
//
// The text being canonical, the places follow: the first key begins after `{"`, a value after its key's `":`, the next
// key after the value's `,"`.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "model/event.h"

namespace millrace {

inline constexpr std::size_t kPropertyIndexEntryBytes = 6;

inline void append_property_index(std::string& index, std::size_t key_bytes, std::size_t value_bytes,
                                  PropertyType type) {
  append_le(index, static_cast<std::uint16_t>(key_bytes));
  append_le(index, static_cast<std::uint32_t>(value_bytes) | static_cast<std::uint32_t>(type) << 29);
}

struct Property {
  std::string_view key;    // JSON text between the quotes; escaped
  std::string_view value;  // JSON text; strings with their quotes
  PropertyType type = PropertyType::kNull;
};

// for (PropertyCursor at(properties, index); at.next();) use(at.property());
// Stops early (and valid() is false) where index and text do not fit together.
class PropertyCursor {
 public:
  PropertyCursor(std::string_view properties, std::string_view index) : text_(properties), index_(index) {}

  bool next() {
    if (index_.size() < kPropertyIndexEntryBytes) {
      return false;
    }
    std::size_t key_bytes = load_le<std::uint16_t>(index_.data());
    std::uint32_t packed = load_le<std::uint32_t>(index_.data() + 2);
    std::size_t value_bytes = packed & 0x1fffffffu;
    index_.remove_prefix(kPropertyIndexEntryBytes);
    std::size_t key_at = at_ + 2;                   // past `{"` or `,"`
    std::size_t value_at = key_at + key_bytes + 2;  // past `":`
    if (value_at + value_bytes >= text_.size()) {   // at least the closing brace follows
      valid_ = false;
      return false;
    }
    property_ = {text_.substr(key_at, key_bytes), text_.substr(value_at, value_bytes),
                 static_cast<PropertyType>(packed >> 29)};
    at_ = value_at + value_bytes;
    return true;
  }
  const Property& property() const { return property_; }
  bool valid() const { return valid_; }

 private:
  std::string_view text_;
  std::string_view index_;
  std::size_t at_ = 0;
  Property property_;
  bool valid_ = true;
};

}  // namespace millrace
