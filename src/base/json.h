#pragma once
// JSON for everything that isn't the hot path: queries, answers, control records. (Events are parsed in ingest.)
// Reading gives a tree of values; numbers keep their source text, so that no integer is rounded.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace {

class Json {
 public:
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  // Refuses what RFC 8259 refuses, repeated keys, nesting deeper than 64 and numbers that no double holds. The error
  // says where.
  static Result<Json> parse(std::string_view text);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_number() const { return kind_ == Kind::kNumber; }
  bool is_bool() const { return kind_ == Kind::kBool; }
  bool is_array() const { return kind_ == Kind::kArray; }
  bool is_object() const { return kind_ == Kind::kObject; }

  // The string, or the number as it was written (canonical minified form); empty for other kinds.
  const std::string& text() const { return text_; }
  bool boolean() const { return boolean_; }
  double number() const { return number_; }
  std::optional<std::int64_t> integer() const;  // when it is a whole number that fits
  const std::vector<Json>& items() const { return items_; }
  const std::vector<std::pair<std::string, Json>>& members() const { return members_; }
  const Json* find(std::string_view key) const;  // null when absent or not an object

 private:
  friend struct JsonBuilder;
  Kind kind_ = Kind::kNull;
  bool boolean_ = false;
  double number_ = 0;
  std::string text_;
  std::vector<Json> items_;
  std::vector<std::pair<std::string, Json>> members_;
};

// Writes JSON text. Commas are put by the writer; the caller balances begin and end.
//   JsonWriter w; w.begin_object(); w.key("rows").integer(3); w.end_object(); w.text();
class JsonWriter {
 public:
  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view key);
  JsonWriter& string(std::string_view value);  // invalid UTF-8 is replaced by U+FFFD
  JsonWriter& integer(std::int64_t value);
  JsonWriter& unsigned_integer(std::uint64_t value);
  JsonWriter& number(double value);  // shortest form that reads back the same; null when not finite
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& raw(std::string_view json);  // a whole value that is JSON already
  JsonWriter& value(const Json& json);

  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  void separate();
  std::string text_;
  bool first_ = true;
  bool after_key_ = false;
};

// Appends `value` as a quoted JSON string.
void append_json_string(std::string& to, std::string_view value);

}  // namespace millrace
