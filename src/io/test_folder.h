#pragma once
// A folder of its own for one test, gone with it.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace millrace {

class TestFolder {
 public:
  TestFolder() : path_(testing::TempDir() + "millrace-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
      std::abort();
    }
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace millrace
