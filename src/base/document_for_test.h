#pragma once
// Worked examples of the pages in docs/formats/.

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace millrace {

// The first fenced block `hex` after `heading`, decoded: hex digits up to a `|`, the rest of each line is a comment.
// Nothing when there is no such page: tests run from the top of the repository.
inline std::string bytes_in_document(const std::string& path, const std::string& heading) {
  std::ifstream file(path);
  std::string document((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::size_t at = document.find("```hex\n", document.find(heading));
  if (at == std::string::npos) {
    return std::string();
  }
  std::istringstream block(document.substr(at + 7, document.find("```", at + 7) - at - 7));
  std::string bytes;
  for (std::string line; std::getline(block, line);) {
    std::istringstream digits(line.substr(0, line.find('|')));
    for (std::string byte; digits >> byte;) {
      bytes.push_back(static_cast<char>(std::stoi(byte, nullptr, 16)));
    }
  }
  return bytes;
}

}  // namespace millrace
