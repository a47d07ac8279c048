#include "store/clickhouse/answer_columns.h"

#include <algorithm>
#include <optional>

namespace millrace::clickhouse {
namespace {

Error broken() { return unavailable("the store's answer is not the JSON that was asked for"); }

// Copies the first `limit` values of the array whose `[` lies at `at`, without the blanks between them. Gives the
// number of all its values, and leaves `at` one past the `]`; nothing when the array doesn't end.
std::optional<std::uint64_t> copy_array(std::string_view text, std::size_t& at, std::uint32_t limit, std::string& to) {
  std::uint64_t values = 0;
  bool in_string = false, empty = true;
  for (++at; at < text.size(); ++at) {
    char c = text[at];
    if (!in_string && (c == ' ' || c == '\n' || c == '\t' || c == '\r')) continue;
    if (!in_string && (c == ',' || c == ']')) {
      values += empty ? 0 : 1;
      if (c == ']') {
        to.push_back(']');
        ++at;
        return values;
      }
    }
    empty = false;
    bool wanted = values < limit;
    if (wanted) to.push_back(c);
    if (in_string && c == '\\' && at + 1 < text.size()) {
      if (wanted) to.push_back(text[at + 1]);
      ++at;
    } else if (c == '"') {
      in_string = !in_string;
    }
  }
  return {};
}

}  // namespace

Result<void> read_columns(std::string_view text, std::uint32_t limit, QueryAnswer& answer) {
  std::size_t at = text.find('[');
  if (at == std::string_view::npos) return broken();
  ++at;
  std::uint64_t rows = 0;
  for (std::size_t column = 0; column < answer.columns.size(); ++column) {
    std::size_t next = text.find_first_of("[]", at);
    if (next == std::string_view::npos) return broken();
    if (text[next] == ']') {  // no rows: no columns either
      if (column != 0) return broken();
      for (AnswerColumn& empty : answer.columns) empty.values_json = "[]";
      return {};
    }
    at = next;
    std::string& values = answer.columns[column].values_json;
    values = "[";
    std::optional<std::uint64_t> copied = copy_array(text, at, limit, values);
    if (!copied || (column > 0 && *copied != rows)) return broken();
    rows = *copied;
  }
  answer.rows = std::min<std::uint64_t>(rows, limit);
  if (rows > limit) answer.cut = "limit";
  return {};
}

}  // namespace millrace::clickhouse
