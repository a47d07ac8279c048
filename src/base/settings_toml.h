#pragma once
// The one place that knows the TOML library. For settings.cc.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/settings.h"

namespace millrace::settings_detail {

struct FileEntry {
  enum class Kind { kString, kInteger, kBool, kOther };
  std::string path;  // "stream.segment_bytes"
  std::string text;  // the value as text; of kOther what it is, for the message
  Kind kind = Kind::kOther;
  unsigned line = 0;
};

struct PropertyEntry {
  std::vector<FileEntry> members;
  unsigned line = 0;
};

struct FileContent {
  std::vector<FileEntry> entries;
  std::vector<PropertyEntry> properties;  // [[property]]
  std::vector<std::string> views;         // [[views]], each as JSON
};

// kInvalid: not TOML; the message names file and line.
Result<FileContent> read_settings_file(const std::string& file_name, std::string_view text);

}  // namespace millrace::settings_detail
