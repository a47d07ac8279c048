#include "views/filter.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time_format.h"

namespace millrace {
namespace {

using Kind = Filter::Kind;

constexpr int kDepthMax = 32;

bool is_time(const FieldRef& field) {
  return field.kind == FieldRef::Kind::kBase && (field.base == "time" || field.base == "received");
}

bool is_ordered(Kind kind) { return kind >= Kind::kLess && kind <= Kind::kGreaterEqual; }

std::string text_of(const Literal& literal) {
  if (const auto* text = std::get_if<std::string>(&literal)) {
    return *text;
  }
  if (const bool* boolean = std::get_if<bool>(&literal)) {
    return *boolean ? "true" : "false";
  }
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) {
    return std::to_string(*integer);
  }
  return fmt::format("{}", std::get<double>(literal));
}

template <typename T>
bool compared(Kind kind, const T& a, const T& b) {
  switch (kind) {
    case Kind::kLess:
      return a < b;
    case Kind::kLessEqual:
      return a <= b;
    case Kind::kGreater:
      return a > b;
    case Kind::kGreaterEqual:
      return a >= b;
    default:
      return a == b;
  }
}

}  // namespace

Result<EventFilter> EventFilter::compile(const Filter& filter, FieldReader& reader) {
  EventFilter compiled;
  Result<std::size_t> root = compiled.add(filter, reader, 0);
  if (!root.ok()) {
    compiled.release(reader);
    return root.error();
  }
  return compiled;
}

void EventFilter::release(FieldReader& reader) const {
  for (const Node& node : nodes_) {
    if (node.kind > Kind::kNot && node.field != SIZE_MAX) {
      reader.release(node.field);
    }
  }
}

Result<EventFilter::Value> EventFilter::value_of(const Filter& filter, const Literal& literal) {
  Value value;
  bool is_bool = std::holds_alternative<bool>(literal);
  bool is_number = std::holds_alternative<double>(literal) || std::holds_alternative<std::int64_t>(literal);
  if (std::holds_alternative<std::monostate>(literal)) {
    return invalid("a filter has null as a value: use `exists`");
  }
  if (is_ordered(filter.kind) && is_bool) {
    return invalid("a filter can't order true and false");
  }
  if (is_time(filter.field)) {
    const auto* text = std::get_if<std::string>(&literal);
    std::optional<TimeNs> time = text != nullptr ? parse_rfc3339(*text) : std::nullopt;
    if (!time) {
      return invalid("a filter on a time needs a time as RFC 3339 text");
    }
    value.as = As::kTime;
    value.time = *time;
    return value;
  }
  value.text = text_of(literal);
  if (is_number && filter.field.kind != FieldRef::Kind::kBase) {
    value.as = As::kNumber;
    const auto* integer = std::get_if<std::int64_t>(&literal);
    value.number = integer != nullptr ? static_cast<double>(*integer) : std::get<double>(literal);
  } else if (filter.field.kind == FieldRef::Kind::kBase && value.text.empty() && !is_ordered(filter.kind)) {
    value.as = filter.kind == Kind::kContains || filter.kind == Kind::kPrefix ? As::kText : As::kNever;
  }
  return value;
}

Result<std::size_t> EventFilter::add(const Filter& filter, FieldReader& reader, int depth) {
  if (depth > kDepthMax) {
    return invalid("the filter is nested too deeply");
  }
  std::size_t at = nodes_.size();
  nodes_.emplace_back();
  nodes_[at].kind = filter.kind;
  nodes_[at].field = SIZE_MAX;
  if (filter.kind <= Kind::kNot) {
    for (const Filter& part : filter.parts) {
      MR_ASSIGN(std::size_t added, add(part, reader, depth + 1));
      nodes_[at].parts.push_back(added);
    }
    return at;
  }
  for (const Literal& literal : filter.literals) {
    MR_ASSIGN(Value value, value_of(filter, literal));
    nodes_[at].values.push_back(std::move(value));
  }
  bool one = filter.kind != Kind::kIn && filter.kind != Kind::kExists;
  if (one && filter.literals.size() != 1) {
    return invalid("a filter needs one value");
  }
  nodes_[at].received = filter.field.base == "received";
  nodes_[at].field = reader.add(filter.field, {true, true, false});
  return at;
}

bool EventFilter::compare(const Node& node, const Value& value, const EventView& event, const FieldValue& field) {
  switch (value.as) {
    case As::kTime:
      return compared(node.kind, node.received ? event.received : event.time, value.time);
    case As::kNumber:
      return field.numeric && compared(node.kind, field.number, value.number);
    case As::kNever:
      return false;
    case As::kText:
      break;
  }
  return field.present && compared(node.kind, field.text, std::string_view(value.text));
}

bool EventFilter::holds(std::size_t number, const EventView& event, const FieldValue* fields) const {
  const Node& node = nodes_[number];
  auto part_holds = [&](std::size_t part) { return holds(part, event, fields); };
  if (node.kind == Kind::kAnd) {
    return std::all_of(node.parts.begin(), node.parts.end(), part_holds);
  }
  if (node.kind == Kind::kOr || node.kind == Kind::kNot) {
    bool any = std::any_of(node.parts.begin(), node.parts.end(), part_holds);
    return node.kind == Kind::kOr ? any : !any;
  }
  const FieldValue& field = fields[node.field];
  auto same = [&](const Value& value) { return compare(node, value, event, field); };
  switch (node.kind) {
    case Kind::kExists:
      return field.present;
    case Kind::kIn:
      return std::any_of(node.values.begin(), node.values.end(), same);
    case Kind::kNotEqual:
      return !same(node.values[0]);
    case Kind::kContains:
      return field.present && field.text.find(node.values[0].text) != std::string_view::npos;
    case Kind::kPrefix:
      return field.present && field.text.starts_with(node.values[0].text);
    default:
      return same(node.values[0]);
  }
}

}  // namespace millrace
