#include "query/answer.h"

#include <algorithm>
#include <unordered_map>

#include "base/time_format.h"
#include "query/words.h"

namespace millrace {
namespace {

// Values of a column to be, as JSON.
class Values {
 public:
  void add(std::string_view value) { (text_ += text_.empty() ? "[" : ",") += value; }
  std::string take() { return text_.empty() ? "[]" : std::move(text_) + "]"; }

 private:
  std::string text_;
};

std::string_view empty_value(Measure::Kind kind) {
  bool counts = kind == Measure::Kind::kCount || kind == Measure::Kind::kUniq;
  return counts ? "0" : "null";
}

std::string milliseconds(TimeNs time) { return std::to_string(time / kMillisecond); }

using Table = std::vector<std::vector<std::string_view>>;  // by column

Table table_of(const QueryAnswer& answer) {
  Table table;
  for (const AnswerColumn& column : answer.columns) {
    table.push_back(split_values(column.values_json));
  }
  return table;
}

bool whole(const Table& table, const QueryAnswer& answer, const MetricQuery& query) {
  std::size_t expected = (query.every == Every::kNone ? 0 : 1) + query.by.size() + query.measures.size();
  return table.size() == expected &&
         std::all_of(table.begin(), table.end(), [&](const auto& column) { return column.size() == answer.rows; });
}

// The number of each bucket, by its begin as the answer shows it.
std::unordered_map<std::string, std::size_t> numbers_of(const std::vector<TimeNs>& buckets) {
  std::unordered_map<std::string, std::size_t> numbers;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    numbers.emplace(milliseconds(buckets[i]), i);
  }
  return numbers;
}

// What a row is known by in both periods: the number of its bucket and its dimensions.
std::string row_key(const Table& table, std::size_t row, std::size_t first_dimension, std::size_t dimensions,
                    std::size_t bucket) {
  std::string key = std::to_string(bucket);
  for (std::size_t column = first_dimension; column < first_dimension + dimensions; ++column) {
    (key += '\x1f') += table[column][row];
  }
  return key;
}

constexpr std::size_t kNoBucket = SIZE_MAX;

std::size_t bucket_at(const Table& table, std::size_t row, const MetricQuery& query,
                      const std::unordered_map<std::string, std::size_t>& numbers) {
  if (query.every == Every::kNone) {
    return 0;
  }
  auto found = numbers.find(std::string(table[0][row]));
  return found == numbers.end() ? kNoBucket : found->second;
}

QueryAnswer with_columns(const QueryAnswer& like, std::vector<Values>& values, std::size_t rows) {
  QueryAnswer made;
  for (std::size_t i = 0; i < values.size(); ++i) {
    made.columns.push_back({like.columns[i].name, like.columns[i].type, values[i].take()});
  }
  made.rows = rows;
  made.rows_read = like.rows_read;
  made.cut = like.cut;
  return made;
}

std::string_view hint_of(const std::string& cut) {
  if (cut == "limit") {
    return "There are more rows; raise `limit` (at most 10000) or ask for less.";
  }
  if (cut == "time") {
    return "The time ran out; ask for a shorter range or raise `max_time_ms`.";
  }
  if (cut == "memory") {
    return "The memory ran out; ask for fewer groups or a shorter range.";
  }
  return "Too many stored rows would have been read; ask for a shorter range.";
}

}  // namespace

std::vector<std::string_view> split_values(std::string_view array) {
  std::vector<std::string_view> values;
  if (array.size() < 2) {
    return values;
  }
  array = array.substr(1, array.size() - 2);
  bool inside = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (inside && array[i] == '\\') {
      ++i;
    } else if (array[i] == '"') {
      inside = !inside;
    } else if (array[i] == ',' && !inside) {
      values.push_back(trimmed(array.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  if (!trimmed(array).empty()) {
    values.push_back(trimmed(array.substr(begin)));
  }
  return values;
}

QueryAnswer fill_buckets(const QueryAnswer& answer, const MetricQuery& query, const std::vector<TimeNs>& buckets) {
  Table table = table_of(answer);
  bool cut_short = !answer.cut.empty() && answer.cut != "limit";
  if (cut_short || !whole(table, answer, query)) {
    return answer;
  }
  std::unordered_map<std::string, std::size_t> rows;
  for (std::size_t row = 0; row < answer.rows; ++row) {
    rows.emplace(table[0][row], row);
  }
  std::vector<TimeNs> order = buckets;
  if (query.order[0].descending) {
    std::reverse(order.begin(), order.end());
  }
  std::vector<Values> values(table.size());
  std::size_t filled = 0, found_rows = 0;
  for (; filled < order.size() && filled < query.limit; ++filled) {
    std::string time = milliseconds(order[filled]);
    auto found = rows.find(time);
    found_rows += found != rows.end();
    values[0].add(time);
    for (std::size_t column = 1; column < table.size(); ++column) {
      values[column].add(found == rows.end() ? empty_value(query.measures[column - 1].kind)
                                             : table[column][found->second]);
    }
  }
  bool all_shown = filled == order.size();
  if (all_shown && found_rows != answer.rows) {
    return answer;  // the store counts in other buckets than the calendar says: better gaps than wrong numbers
  }
  QueryAnswer made = with_columns(answer, values, filled);
  made.cut = all_shown ? answer.cut : "limit";
  return made;
}

QueryAnswer align(const QueryAnswer& previous, const QueryAnswer& answer, const MetricQuery& query,
                  const std::vector<TimeNs>& buckets, const std::vector<TimeNs>& previous_buckets) {
  Table theirs = table_of(previous);
  Table ours = table_of(answer);
  if (!whole(theirs, previous, query) || !whole(ours, answer, query)) {
    return previous;
  }
  std::size_t times = query.every == Every::kNone ? 0 : 1;
  auto their_numbers = numbers_of(previous_buckets);
  auto our_numbers = numbers_of(buckets);
  std::unordered_map<std::string, std::size_t> rows;
  for (std::size_t row = 0; row < previous.rows; ++row) {
    rows.emplace(row_key(theirs, row, times, query.by.size(), bucket_at(theirs, row, query, their_numbers)), row);
  }
  std::vector<Values> values(ours.size());
  for (std::size_t row = 0; row < answer.rows; ++row) {
    std::size_t bucket = bucket_at(ours, row, query, our_numbers);
    bool past_end = times == 1 && bucket >= previous_buckets.size();
    auto found = past_end ? rows.end() : rows.find(row_key(ours, row, times, query.by.size(), bucket));
    if (times == 1) {
      values[0].add(past_end ? "null" : milliseconds(previous_buckets[bucket]));
    }
    for (std::size_t column = times; column < ours.size(); ++column) {
      bool dimension = column < times + query.by.size();
      values[column].add(dimension             ? ours[column][row]
                         : found != rows.end() ? theirs[column][found->second]
                         : past_end || !previous.cut.empty()
                             ? "null"  // cut short: nobody knows
                             : empty_value(query.measures[column - times - query.by.size()].kind));
    }
  }
  return with_columns(previous, values, answer.rows);
}

void write_rows(JsonWriter& json, const QueryAnswer& answer) {
  constexpr std::string_view kTypes[] = {"time", "integer", "number", "string", "boolean"};
  json.key("columns").begin_array();
  for (const AnswerColumn& column : answer.columns) {
    json.begin_object().key("name").string(column.name);
    json.key("type").string(kTypes[static_cast<std::size_t>(column.type)]);
    if (column.type == ColumnType::kTime) {
      json.key("unit").string("ms");
    }
    json.key("values").raw(column.values_json).end_object();
  }
  json.end_array().key("rows").unsigned_integer(answer.rows);
}

void write_cut(JsonWriter& json, const std::string& cut) {
  json.key("cut");
  if (cut.empty()) {
    json.null();
  } else {
    json.string(cut).key("hint").string(hint_of(cut));
  }
}

}  // namespace millrace
