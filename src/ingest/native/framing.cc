#include "ingest/native/framing.h"

#include "ingest/native/structural_index.h"

namespace millrace {

namespace {

// One past the closing quote of the string that begins at `at`.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

// Goes on from `at` until `stop` holds of a byte outside of strings and the depth it has; its place, or npos.
template <typename Stop>
std::size_t walk(std::string_view text, std::size_t at, Stop stop) {
  std::size_t depth = 0;
  while (at < text.size()) {
    char byte = text[at];
    if (byte == '"') {
      at = end_of_string(text, at);
      continue;
    }
    bool opens = byte == '{' || byte == '[';
    bool closes = byte == '}' || byte == ']';
    if (stop(byte, depth)) {
      return at;
    }
    depth += opens;
    depth -= closes && depth > 0;
    ++at;
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && is_blank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

std::size_t end_of_element(std::string_view text, std::size_t at) {
  return walk(text, at,
              [](char byte, std::size_t depth) { return depth == 0 && (byte == ',' || byte == ']' || byte == '}'); });
}

std::size_t end_of_container(std::string_view text, std::size_t at) {
  std::size_t last =
      walk(text, at, [](char byte, std::size_t depth) { return depth == 1 && (byte == ']' || byte == '}'); });
  return last == std::string_view::npos ? last : last + 1;
}

}  // namespace millrace
