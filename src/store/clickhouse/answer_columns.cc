#include "store/clickhouse/answer_columns.h"

namespace millrace::clickhouse {
namespace {

Error broken() { return unavailable("the store's answer is not the JSON that was asked for"); }

struct Scanned {
  std::size_t end = 0;      // one past the closing bracket
  std::size_t cut_end = 0;  // where the text of the first `limit` values ends
  std::uint64_t values = 0;
};

// One array of scalars whose `[` lies at `at`.
bool scan_array(std::string_view text, std::size_t at, std::uint32_t limit, Scanned& scanned) {
  scanned = {};
  bool in_string = false, empty = true;
  for (++at; at < text.size(); ++at) {
    char c = text[at];
    if (in_string) {
      at += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == ',' || c == ']') {
      scanned.values += empty && c == ']' ? 0 : 1;
      if (scanned.values <= limit) scanned.cut_end = at;
      if (c == ']') {
        scanned.end = at + 1;
        return true;
      }
      empty = false;
    } else if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
      empty = false;
      in_string = c == '"';
    }
  }
  return false;
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
    Scanned scanned;
    if (!scan_array(text, next, limit, scanned) || (column > 0 && scanned.values != rows)) return broken();
    rows = scanned.values;
    bool cut = rows > limit;
    answer.columns[column].values_json =
        std::string(text.substr(next, (cut ? scanned.cut_end : scanned.end) - next)) + (cut ? "]" : "");
    at = scanned.end;
  }
  answer.rows = std::min<std::uint64_t>(rows, limit);
  if (rows > limit) answer.cut = "limit";
  return {};
}

}  // namespace millrace::clickhouse
