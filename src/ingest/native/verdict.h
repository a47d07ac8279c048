#pragma once
// What is wrong with the event that is being read, in words for its sender: the first thing that was found.

#include <string>
#include <string_view>

#include "base/append_format.h"

namespace millrace {

class Verdict {
 public:
  void clear() {
    reason_.clear();
    is_syntax_ = false;
  }
  bool good() const { return reason_.empty(); }
  // True when the text isn't JSON: nothing behind this place means anything.
  bool is_syntax() const { return is_syntax_; }
  const std::string& reason() const { return reason_; }

  // The event can't be taken; reading goes on, so that the rest is known to be JSON.
  template <typename... Values>
  void reject(fmt::format_string<Values...> format, Values&&... values) {
    if (reason_.empty()) {
      append_format(reason_, format, std::forward<Values>(values)...);
    }
  }

  // Not JSON. Returns false, for the caller to return. It outweighs any other reason.
  bool syntax(std::string_view what) {
    if (!is_syntax_) {
      reason_ = "not valid JSON: ";
      reason_ += what;
      is_syntax_ = true;
    }
    return false;
  }

 private:
  std::string reason_;
  bool is_syntax_ = false;
};

// The beginning of a text for an error message, cut between characters.
inline std::string_view excerpt(std::string_view text) {
  constexpr std::size_t kExcerptBytes = 60;
  if (text.size() <= kExcerptBytes) {
    return text;
  }
  std::size_t end = kExcerptBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace millrace
