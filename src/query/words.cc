#include "query/words.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "base/json.h"

namespace millrace {
namespace {

constexpr std::size_t kWordMax = 64;  // longer ones are no slip of the finger
constexpr std::size_t kQuotedMax = 80;

// How many letters must be added, dropped, changed or swapped with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::move(last);
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    std::size_t far = word.size() > kWordMax ? kWordMax : distance(word, candidate);
    if (far < best_distance && far < candidate.size()) {
      best = candidate;
      best_distance = far;
    }
  }
  return best.empty() ? std::string() : "; did you mean " + in_quotes(best) + "?";
}

Error at(std::string_view path, Error error) {
  error.message.insert(0, std::string(path) + ": ");
  return error;
}

std::string in_quotes(std::string_view text) {
  std::string cut(text);
  if (cut.size() > kQuotedMax) {
    std::size_t end = kQuotedMax;
    while (end > 0 && (static_cast<unsigned char>(cut[end]) & 0xc0) == 0x80) {
      --end;  // not inside a character
    }
    cut = cut.substr(0, end) + "…";
  }
  std::string json;
  append_json_string(json, cut);
  return json;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

Error unknown_word(std::string_view what, std::string_view word, std::span<const std::string_view> candidates) {
  std::string message = "unknown " + std::string(what) + " " + in_quotes(word) + "; use ";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    message += i == 0 ? "" : i + 1 == candidates.size() ? " or " : ", ";
    message += candidates[i];
  }
  return invalid(message + suggestion(word, candidates));
}

}  // namespace millrace
