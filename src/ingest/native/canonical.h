#pragma once
// Walks a JSON object once and gives its canonical text (see model/event.h) and its property index. Text that is
// canonical already is not copied: the result is a view of the source then. docs/guides/sending-events.md states the
// rules.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/native/plain_object.h"
#include "ingest/native/structural_index.h"
#include "ingest/native/verdict.h"
#include "model/event.h"

namespace millrace {

// What the parts of one event share.
struct EventState {
  Verdict verdict;
  std::size_t keys = 0;  // seen in properties and context
};

// Moves `tokens` past the string that begins there; gives its text between the quotes. False when no closing quote is
// where one must be. (A lone quote can't come out of the structural index, but nothing read from outside leans on
// that.)
inline bool take_string(Tokens& tokens, std::string_view& text) {
  const char* begin = tokens.next();
  const char* end = tokens.string_end();
  if (end[-1] != '"' || end - 1 <= begin) [[unlikely]] {
    return false;
  }
  ++tokens.at;
  text = {begin + 1, static_cast<std::size_t>(end - begin) - 2};
  return true;
}

inline bool holds_escape(Tokens& tokens, std::string_view text) {
  return tokens.holds_escape(text.data(), text.data() + text.size());
}

// true, false or null at `at`, with what may follow; its length, or 0.
std::size_t literal_bytes(const char* at, const char* end);

class CanonicalObject {
 public:
  // The object that begins at the next token, at this depth (the event itself is depth 1). False: not JSON, and the
  // verdict says why. The results are valid until the next call, as long as the source is.
  bool read(Tokens& tokens, std::size_t depth, EventState& state);
  // Past any value, checking its grammar; gives nothing.
  bool skip(Tokens& tokens, std::size_t depth, EventState& state);

  std::string_view text() const { return text_; }
  std::string_view index() const { return index_view_; }

  // For tests: every object goes the long way.
  void only_the_long_way() { short_way_ = false; }

 private:
  struct Key {
    std::uint64_t fingerprint;  // equal for equal keys
    std::uint32_t begin;        // where its opening quote lies in the canonical text
    std::uint32_t bytes;        // of its canonical text between the quotes
  };

  void begin(Tokens& tokens, std::size_t depth, EventState& state);
  bool value(PropertyType& type);
  bool string();
  bool put_string(std::string_view text, bool escaped);
  bool number(PropertyType& type);
  bool literal(PropertyType& type);
  bool object(bool is_top);
  bool member(bool is_top, std::uint64_t& seen, bool& maybe_repeated);
  bool key();
  bool array();
  bool skip_too_deep();
  bool expect(char token, std::string_view what);
  void drop_repeated(std::size_t first_key, std::uint32_t begin, bool is_top);

  // Canonical text so far is scratch_ and the source from run_ to end_.
  std::uint32_t size_at(const char* at) const {
    return static_cast<std::uint32_t>(scratch_.size() + static_cast<std::size_t>(at - run_));
  }
  void begin_token(const char* at) {
    if (at != end_) [[unlikely]] {
      flush();
      run_ = end_ = at;
    }
  }
  void end_token(const char* end) { end_ = end; }
  void flush() {
    scratch_.append(run_, static_cast<std::size_t>(end_ - run_));
    run_ = end_;
  }

  Tokens* tokens_ = nullptr;
  EventState* state_ = nullptr;
  std::size_t depth_ = 0;
  const char* run_ = nullptr;
  const char* end_ = nullptr;
  std::string scratch_;
  std::string index_;
  std::string_view text_;
  std::string_view index_view_;  // of index_ or of plain_
  PlainObject plain_;
  bool short_way_ = true;
  std::vector<Key> keys_;  // of the objects that are open
};

}  // namespace millrace
