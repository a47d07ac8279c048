#pragma once
// Gives a fuzz target what is kept of its inputs, one after the other: its seeds (tests/fuzz/corpus/TARGET) and what
// once broke it (tests/regressions/TARGET). So whoever has no clang runs them too, with g++'s sanitizers.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace millrace {

inline std::vector<std::filesystem::path> known_inputs(const std::string& target) {
  std::vector<std::filesystem::path> files;
  for (const std::string& folder : {"tests/fuzz/corpus/" + target, "tests/regressions/" + target}) {
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline void replay(const std::string& target, int (*run)(const unsigned char*, std::size_t)) {
  std::vector<std::filesystem::path> files = known_inputs(target);
  ASSERT_FALSE(files.empty()) << "no inputs of " << target
                              << " in tests/fuzz/corpus (the working directory must be the source's root)";
  for (const std::filesystem::path& file : files) {
    SCOPED_TRACE(file.string());
    std::ifstream stream(file, std::ios::binary);
    // Exactly as many bytes as there are, so that a sanitizer sees one that is read behind them.
    std::vector<unsigned char> bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    bytes.shrink_to_fit();
    run(bytes.data(), bytes.size());
  }
}

}  // namespace millrace
