#include "store/clickhouse/event_block.h"

#include <cstring>

#include "base/check.h"
#include "model/property_index.h"
#include "store/clickhouse/property_column.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

constexpr std::string_view kBaseColumns[] = {"project", "event",        "time",       "received",   "sent",
                                             "user_id", "anonymous_id", "session_id", "message_id", "properties",
                                             "context", "generation",   "partition",  "sequence",   "epoch"};
constexpr std::string_view kTimeType = "DateTime64(9, 'UTC')";

// The front of a name in a number, so that most names are told apart without a call. `end`: of the text that it lies
// in.
std::uint64_t front_of(std::string_view name, const char* end) {
  std::uint64_t front = 0;
  if (name.size() >= sizeof front || end - name.data() >= static_cast<std::ptrdiff_t>(sizeof front)) {
    std::memcpy(&front, name.data(), sizeof front);
    return name.size() >= sizeof front ? front : front & ((std::uint64_t{1} << (8 * name.size())) - 1);
  }
  std::memcpy(&front, name.data(), name.size());
  return front;
}

// The values of the wanted properties of one row, empty where absent. Top-level members come from the index in one
// pass.
template <typename Properties>
void find_values(std::string_view text, std::string_view index, const Properties& wanted,
                 std::vector<std::string_view>& found) {
  found.assign(wanted.size(), {});
  bool scan = index.empty() && text.size() > 2;
  PropertyCursor cursor(text, index);
  while (cursor.next()) {
    std::string_view key = cursor.property().key;
    std::uint64_t front = front_of(key, text.data() + text.size());
    for (std::size_t at = 0; at < wanted.size(); ++at) {
      const std::string& name = wanted[at].escaped_path[0];
      if (wanted[at].front != front || name.size() != key.size()) continue;
      if (key.size() <= sizeof front || name == key) found[at] = cursor.property().value;
    }
  }
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    const std::vector<std::string>& path = wanted[at].escaped_path;
    if (scan) {
      found[at] = find_json(text, path).value_or("");
    } else if (path.size() > 1 && !found[at].empty()) {
      found[at] = find_json(found[at], {path.begin() + 1, path.end()}).value_or("");
    }
  }
}

}  // namespace

EventBlock::EventBlock(std::vector<DeclaredProperty> declared, const std::vector<KeptProperty>& kept) {
  for (std::string_view column : kBaseColumns) {
    columns_ += (columns_.empty() ? "(" : ", ") + quote_name(column);
  }
  for (const DeclaredProperty& property : declared) {
    Property added;
    added.type = property.type;
    added.column = column_name(property);
    added.column_type = column_type(property.type);
    add(std::move(added), property.name);
  }
  for (const KeptProperty& property : kept) {
    bool text = property.kind == KeptProperty::Kind::kText;
    Property added;
    added.type = text ? DeclaredProperty::Type::kString : DeclaredProperty::Type::kNumber;
    added.column = kept_column(property);
    added.column_type = kept_type(property);
    added.few = property.few;
    add(std::move(added), property.name);
  }
  columns_ += ")";
}

void EventBlock::add(Property property, const std::string& name) {
  property.escaped_path = escape_path(split_path(name));
  const std::string& first = property.escaped_path[0];
  property.front = front_of(first, first.data() + first.size());
  columns_ += ", " + quote_name(property.column);
  properties_.push_back(std::move(property));
}

std::string_view EventBlock::encode(const EventBatch& batch, std::size_t begin, std::size_t end) {
  MR_CHECK(begin <= end && end <= batch.rows());
  rows_ = order_.sort(batch, begin, end);
  block_.begin(std::size(kBaseColumns) + properties_.size(), rows_);
  block_.low_cardinality_of("project", batch.project);
  block_.low_cardinality_of("event", batch.event);
  block_.numbers_of("time", kTimeType, batch.time);
  block_.numbers_of("received", kTimeType, batch.received);
  sent_.clear();
  for (std::uint32_t row : rows_) sent_.push_back(batch.sent[row] == kNoTime ? 0 : batch.sent[row]);
  block_.numbers("sent", kTimeType, std::span<const std::int64_t>(sent_));
  block_.strings_of("user_id", batch.user_id);
  block_.strings_of("anonymous_id", batch.anonymous_id);
  block_.strings_of("session_id", batch.session_id);
  block_.strings_of("message_id", batch.message_id);
  block_.strings_of("properties", batch.properties);
  block_.strings_of("context", batch.context);
  block_.constant("generation", "UInt32", batch.generation.value);
  block_.constant("partition", "UInt16", batch.partition.value);
  block_.numbers_of("sequence", "UInt64", batch.sequence);
  block_.constant("epoch", "UInt32", batch.epoch.value);
  read_properties(batch);
  for (const Property& property : properties_) write_property(property);
  return block_.bytes();
}

void EventBlock::read_properties(const EventBatch& batch) {
  if (properties_.empty()) return;
  for (Property& property : properties_) {
    property.nulls.clear(), property.integers.clear(), property.doubles.clear(), property.booleans.clear();
    property.texts.clear();
  }
  for (std::uint32_t row : rows_) {
    find_values(batch.properties.at(row), batch.property_index.at(row), properties_, found_);
    for (std::size_t at = 0; at < properties_.size(); ++at) append_value(properties_[at], found_[at]);
  }
}

void EventBlock::append_value(Property& property, std::string_view json) {
  bool there = false;
  switch (property.type) {
    case DeclaredProperty::Type::kInteger: {
      std::optional<std::int64_t> value = integer_value(json);
      property.integers.push_back(value.value_or(0));
      there = value.has_value();
      break;
    }
    case DeclaredProperty::Type::kNumber: {
      std::optional<double> value = number_value(json);
      property.doubles.push_back(value.value_or(0));
      there = value.has_value();
      break;
    }
    case DeclaredProperty::Type::kBoolean: {
      std::optional<bool> value = boolean_value(json);
      property.booleans.push_back(value.value_or(false) ? 1 : 0);
      there = value.has_value();
      break;
    }
    case DeclaredProperty::Type::kString: {
      text_.clear();
      there = append_text_value(json, text_);
      property.texts.append(text_);
      break;
    }
  }
  property.nulls.push_back(there ? 0 : 1);
}

void EventBlock::write_property(const Property& property) {
  const std::string& type = property.column_type;
  switch (property.type) {
    case DeclaredProperty::Type::kInteger:
      return block_.nullable_numbers(property.column, type, property.nulls,
                                     std::span<const std::int64_t>(property.integers));
    case DeclaredProperty::Type::kNumber:
      return block_.nullable_numbers(property.column, type, property.nulls, std::span<const double>(property.doubles));
    case DeclaredProperty::Type::kBoolean:
      return block_.nullable_numbers(property.column, type, property.nulls,
                                     std::span<const std::uint8_t>(property.booleans));
    case DeclaredProperty::Type::kString:
      if (property.few) return block_.nullable_low_cardinality(property.column, property.nulls, property.texts);
      return block_.nullable_strings(property.column, property.nulls, property.texts);
  }
}

}  // namespace millrace::clickhouse
