#pragma once
// A folder of its own for one test, gone with it. In memory where that can be (TEST_TMPDIR overrides it): tests open
// and sync files by the thousand, and none of them learns anything from a real disk.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

namespace millrace {

class TestFolder {
 public:
  TestFolder() : path_(base() + "/millrace-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
      std::abort();
    }
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  static std::string base() {
    bool chosen = std::getenv("TEST_TMPDIR") != nullptr;
    return !chosen && std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : testing::TempDir();
  }

  std::string path_;
};

}  // namespace millrace
