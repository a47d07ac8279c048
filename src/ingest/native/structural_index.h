#pragma once
// simdjson's first stage: where the tokens of a text lie. It checks all of the text to be UTF-8, all strings to be
// closed and free of control characters; the grammar is left to whoever walks the tokens.
// docs/adr/0030-walking-tokens.md says why it is used alone.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace millrace {

// JSON's blanks, and no other byte.
inline bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The tokens still to be read: each begins at `text + *at`. A token is one of {}[]:, or a string's first quote or the
// first byte of any other run of bytes. Behind the last one stands the text's size.
struct Tokens {
  const char* text = nullptr;
  const std::uint32_t* at = nullptr;
  std::uint32_t limit = 0;  // tokens from here on belong to the next event
  const char* text_end = nullptr;
  const char* escape = nullptr;  // no backslash lies between the last place that was asked about and here

  bool at_end() const { return *at >= limit; }
  const char* next() const { return text + *at; }

  // Whether a backslash lies in a part of the text. Parts are asked about in their order, so that all of the text is
  // looked through once, and nothing of it when there is none.
  bool holds_escape(const char* begin, const char* part_end) {
    if (escape < begin) {
      seek_escape(begin);
    }
    return escape < part_end;
  }
  void seek_escape(const char* from) {
    const void* found = from < text_end ? std::memchr(from, '\\', static_cast<std::size_t>(text_end - from)) : nullptr;
    escape = found != nullptr ? static_cast<const char*>(found) : text_end;
  }

  // One past the closing quote of the string that begins at the next token: only blanks lie between it and the token
  // behind.
  const char* string_end() const {
    const char* end = text + at[1];
    while (is_blank(end[-1])) {
      --end;
    }
    return end;
  }
};

class StructuralIndex {
 public:
  enum class Outcome { kOk, kEmpty, kNotUtf8, kOpenString, kControlCharacter };

  // Reads texts of up to `text_bytes_max`; takes at most four times as much memory, as far as it is used.
  explicit StructuralIndex(std::size_t text_bytes_max);
  ~StructuralIndex();

  // The tokens are valid until the next call. Some bytes behind the text must be readable.
  Outcome build(std::string_view text, Tokens& tokens);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace millrace
