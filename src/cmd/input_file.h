#pragma once
// Lines of a file or of standard input, unpacked on the way (.zst, .gz by their first bytes).

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::cmd {

class Unpacker;

class InputFile {
 public:
  // "-" is standard input.
  static Result<std::unique_ptr<InputFile>> open(const std::string& path);
  ~InputFile();

  // Appends whole lines (with their ends) to `to` until it holds at least `bytes` or `lines` were added; the last line
  // of the file counts as whole. Of a pipe, it gives what is there rather than wait for more. Returns the number of
  // lines; 0 at the end. kCorrupt when the packed data is damaged or cut off.
  Result<std::size_t> read_lines(std::string& to, std::size_t lines, std::size_t bytes);

  std::uint64_t packed_size() const { return size_; }         // 0 when it can't be known
  std::uint64_t packed_read() const { return packed_read_; }  // for progress
  std::uint64_t unpacked_offset() const { return offset_; }   // behind the last line that was given out

 private:
  explicit InputFile(std::FILE* file);
  Result<bool> fill();  // false at the end

  std::FILE* file_;
  std::uint64_t size_ = 0;
  std::uint64_t packed_read_ = 0;
  std::uint64_t offset_ = 0;
  std::unique_ptr<Unpacker> unpacker_;
  std::string pending_;    // unpacked, not yet given out
  std::size_t given_ = 0;  // of pending_
  bool at_end_ = false;
};

}  // namespace millrace::cmd
