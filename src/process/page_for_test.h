#pragma once
// Worked examples of the pages in docs/formats, for the tests that keep them true.

#include <fstream>
#include <sstream>
#include <string>

#include <fmt/format.h>

namespace millrace {

// The bytes of a page's example: lines of an offset and two-digit numbers, as `xxd -g1` writes them.
inline std::string bytes_in_page(const std::string& path, const std::string& heading) {
  std::ifstream file(path);
  std::string line;
  std::string bytes;
  bool here = false;
  while (std::getline(file, line)) {
    if (line.starts_with("#")) {
      here = line.find(heading) != std::string::npos;
    }
    std::size_t colon = line.find(": ");
    if (!here || !line.starts_with("    0000") || colon == std::string::npos) {
      continue;
    }
    std::istringstream numbers(line.substr(colon + 2));
    unsigned number = 0;
    while (numbers >> std::hex >> number) {
      bytes.push_back(static_cast<char>(number));
    }
  }
  return bytes;
}

inline std::string as_hex(const std::string& bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text += i % 16 == 0 ? fmt::format("\n    {:08x}:", i) : "";
    text += fmt::format(" {:02x}", static_cast<unsigned char>(bytes[i]));
  }
  return text;
}

}  // namespace millrace
