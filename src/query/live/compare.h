#pragma once
// The view events_by_minute against the store, minute by minute.

#include <cstdint>
#include <string>

#include "base/result.h"

namespace millrace {

struct ViewsComparison {
  std::uint64_t minutes = 0;  // that were compared
  std::uint64_t events = 0;   // in them
  std::uint64_t moving = 0;   // minutes that changed meanwhile: nothing can be said of them
  std::uint64_t differ = 0;   // minutes whose counts are not the same
  std::string first;          // of these, in a sentence
};

// The range and the words of the question to the store whose answer is compared: JSON of POST /v1/query. Empty when
// the view has no rows. `now_ms`: what is in the store up to the next minute is asked for too.
Result<std::string> question_about(const std::string& view, std::int64_t now_ms);

// `before` and `after`: what GET /v1/views/events_by_minute answers, before the store was asked, once it had all that
// had come in by then, and afterwards. `store`: its answer to the question.
Result<ViewsComparison> compare_views(const std::string& before, const std::string& store, const std::string& after);

}  // namespace millrace
