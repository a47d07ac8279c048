#pragma once
// The chunked transfer coding (RFC 9112 section 7.1), read strictly: every line ends in CRLF, extensions and trailers
// are checked, bounded and dropped.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace::http {

class ChunkDecoder {
 public:
  struct Step {
    std::size_t consumed =
        0;  // bytes taken from the front; 0 with no data means that more bytes are needed, unless done() or bad()
    std::string_view data;  // the run of body bytes among them, a view of the input
  };

  // Reads from the front of `bytes`, up to the end of one run of body bytes.
  Step step(std::string_view bytes);
  bool done() const { return state_ == State::kDone; }
  bool bad() const { return state_ == State::kBad; }

 private:
  enum class State { kSize, kData, kDataEnd, kTrailer, kDone, kBad };
  std::size_t read_line(std::string_view bytes, std::string_view& line);
  void on_size_line(std::string_view line);
  void on_trailer_line(std::string_view line);

  State state_ = State::kSize;
  std::uint64_t left_ = 0;  // of the chunk's data
  std::size_t trailer_bytes_ = 0;
};

}  // namespace millrace::http
