#pragma once
// For tests only: the property index of a canonical object by the plainest possible scan, an oracle for the one that
// ingest makes while it parses.

#include <string>
#include <string_view>

#include "model/property_index.h"

namespace millrace {

// One past the JSON value that begins at `at`. `text` must be canonical JSON.
inline std::size_t end_of_value(std::string_view text, std::size_t at) {
  std::size_t depth = 0;
  bool in_string = false;
  for (; at < text.size(); ++at) {
    char byte = text[at];
    if (in_string) {
      if (byte == '\\') {
        ++at;
      } else if (byte == '"') {
        in_string = false;
      }
    } else if (byte == '"') {
      in_string = true;
    } else if (byte == '{' || byte == '[') {
      ++depth;
    } else if (byte == '}' || byte == ']' || byte == ',' || byte == ':') {
      if (depth == 0) {
        return at;
      }
      depth -= byte == '}' || byte == ']';
    }
  }
  return at;
}

inline PropertyType type_of(std::string_view value) {
  switch (value.front()) {
    case 'n':
      return PropertyType::kNull;
    case 't':
    case 'f':
      return PropertyType::kBool;
    case '"':
      return PropertyType::kString;
    case '{':
    case '[':
      return PropertyType::kNested;
    default:
      return value.find_first_of(".eE") == std::string_view::npos ? PropertyType::kInteger : PropertyType::kDouble;
  }
}

inline std::string index_of(std::string_view properties) {
  std::string index;
  std::size_t at = 1;
  while (at < properties.size() && properties[at] == '"') {
    std::size_t key_end = end_of_value(properties, at);
    std::size_t value_end = end_of_value(properties, key_end + 1);
    std::string_view value = properties.substr(key_end + 1, value_end - key_end - 1);
    append_property_index(index, key_end - at - 2, value.size(), type_of(value));
    at = value_end + 1;
  }
  return index;
}

}  // namespace millrace
