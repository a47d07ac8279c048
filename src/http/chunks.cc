#include "http/chunks.h"

#include <algorithm>

#include "http/syntax.h"

namespace millrace::http {
namespace {

constexpr std::size_t kLineBytesMax = 1024;
constexpr std::size_t kTrailerBytesMax = 8 << 10;
constexpr std::size_t kSizeDigitsMax = 15;  // so that no sum of sizes overflows 64 bits

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void skip_blanks(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size())); }

bool take_token(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_token(text.substr(size, 1))) ++size;
  text.remove_prefix(size);
  return size > 0;
}

bool take_quoted(std::string_view& text) {
  if (!text.starts_with('"')) return false;
  std::size_t end = 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  if (end >= text.size()) return false;
  text.remove_prefix(end + 1);
  return true;
}

// RFC 9112 section 7.1.1, of what is known to be a field's value: ;name ;name=token ;name="any text".
bool is_extension(std::string_view text) {
  while (!text.empty()) {
    skip_blanks(text);
    if (!text.starts_with(';')) return false;
    text.remove_prefix(1);
    skip_blanks(text);
    if (!take_token(text)) return false;
    std::string_view value = text;
    skip_blanks(value);
    if (!value.starts_with('=')) continue;
    value.remove_prefix(1);
    skip_blanks(value);
    if (!take_token(value) && !take_quoted(value)) return false;
    text = value;
  }
  return true;
}

}  // namespace

// Sets `line` to the next line without its CRLF and returns its bytes with it; 0 when the line isn't whole yet or is
// bad.
std::size_t ChunkDecoder::read_line(std::string_view bytes, std::string_view& line) {
  std::size_t end = bytes.substr(0, kLineBytesMax).find('\n');
  if (end == std::string_view::npos) {
    if (bytes.size() >= kLineBytesMax) state_ = State::kBad;
    return 0;
  }
  if (end == 0 || bytes[end - 1] != '\r') {
    state_ = State::kBad;
    return 0;
  }
  line = bytes.substr(0, end - 1);
  return end + 1;
}

void ChunkDecoder::on_size_line(std::string_view line) {
  std::size_t digits = 0;
  left_ = 0;
  while (digits < line.size() && hex_value(line[digits]) >= 0) {
    if (digits == kSizeDigitsMax) {
      state_ = State::kBad;
      return;
    }
    left_ = left_ * 16 + static_cast<std::uint64_t>(hex_value(line[digits++]));
  }
  std::string_view extension = line.substr(digits);
  bool well_formed = digits > 0 && (extension.empty() ||
                                    (extension[0] == ';' && is_field_value(extension) && is_extension(extension)));
  state_ = !well_formed ? State::kBad : left_ > 0 ? State::kData : State::kTrailer;
}

void ChunkDecoder::on_trailer_line(std::string_view line) {
  if (line.empty()) {
    state_ = State::kDone;
    return;
  }
  trailer_bytes_ += line.size() + 2;
  std::size_t colon = line.find(':');
  if (trailer_bytes_ > kTrailerBytesMax || colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
      !is_field_value(line.substr(colon + 1))) {
    state_ = State::kBad;
  }
}

ChunkDecoder::Step ChunkDecoder::step(std::string_view bytes) {
  Step step;
  while (state_ != State::kDone && state_ != State::kBad) {
    std::string_view rest = bytes.substr(step.consumed);
    if (state_ == State::kData) {
      std::size_t taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
      if (taken == 0) break;
      step.data = rest.substr(0, taken);
      step.consumed += taken;
      left_ -= taken;
      if (left_ == 0) state_ = State::kDataEnd;
      break;
    }
    if (state_ == State::kDataEnd) {
      if (!rest.empty() && rest.substr(0, 2) != std::string_view("\r\n").substr(0, rest.size())) state_ = State::kBad;
      if (rest.size() < 2 || bad()) break;
      step.consumed += 2;
      state_ = State::kSize;
      continue;
    }
    std::string_view line;
    std::size_t taken = read_line(rest, line);
    if (taken == 0) break;
    step.consumed += taken;
    state_ == State::kSize ? on_size_line(line) : on_trailer_line(line);
  }
  return step;
}

}  // namespace millrace::http
