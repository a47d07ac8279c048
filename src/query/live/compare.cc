#include "query/live/compare.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/json.h"

namespace millrace {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;

using Counts = std::map<std::int64_t, std::uint64_t>;  // by the minute's begin in ms

const Json* values_of(const Json& answer, std::string_view name) {
  const Json* columns = answer.find("columns");
  for (std::size_t i = 0; columns != nullptr && i < columns->items().size(); ++i) {
    const Json* known = columns->items()[i].find("name");
    if (known != nullptr && known->is_string() && known->text() == name) {
      return columns->items()[i].find("values");
    }
  }
  return nullptr;
}

Result<Counts> counts_of(const std::string& text) {
  MR_ASSIGN(Json answer, Json::parse(text));
  const Json* times = values_of(answer, "time");
  const Json* counts = values_of(answer, "count");
  if (times == nullptr || counts == nullptr || times->items().size() != counts->items().size()) {
    return invalid("an answer without times and counts");
  }
  Counts by_minute;
  for (std::size_t row = 0; row < times->items().size(); ++row) {
    by_minute[times->items()[row].integer().value_or(0)] +=
        static_cast<std::uint64_t>(counts->items()[row].integer().value_or(0));
  }
  return by_minute;
}

std::uint64_t at(const Counts& counts, std::int64_t minute) {
  auto found = counts.find(minute);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

Result<std::string> question_about(const std::string& view, std::int64_t now_ms) {
  MR_ASSIGN(Counts counts, counts_of(view));
  if (counts.empty()) {
    return std::string();
  }
  std::int64_t last = std::max(counts.rbegin()->first, now_ms / kMinuteMs * kMinuteMs);
  return fmt::format(R"({{"measures":["count"],"every":"minute","range":[{},{}],"limit":10000}})",
                     counts.begin()->first, last + kMinuteMs);
}

Result<ViewsComparison> compare_views(const std::string& before, const std::string& store, const std::string& after) {
  MR_ASSIGN(Counts first, counts_of(before));
  MR_ASSIGN(Counts stored, counts_of(store));
  MR_ASSIGN(Counts second, counts_of(after));
  Counts minutes = first;
  minutes.insert(stored.begin(), stored.end());
  ViewsComparison found;
  for (const auto& [minute, ignored] : minutes) {
    std::uint64_t of_view = at(first, minute);
    if (of_view != at(second, minute)) {
      ++found.moving;
      continue;
    }
    ++found.minutes;
    found.events += of_view;
    if (of_view != at(stored, minute) && found.differ++ == 0) {
      found.first = fmt::format("the minute that begins at {} ms: the view has {} events, the store {}", minute,
                                of_view, at(stored, minute));
    }
  }
  return found;
}

}  // namespace millrace
