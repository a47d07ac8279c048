#pragma once
// A query as one line of text, so that tests can compare it with what was meant.

#include <string>

#include <fmt/format.h>

#include "base/time_format.h"
#include "model/query.h"

namespace millrace {

inline std::string text_of(const FieldRef& field) {
  std::string text = field.kind == FieldRef::Kind::kBase       ? field.base
                     : field.kind == FieldRef::Kind::kProperty ? "property"
                                                               : "context";
  for (const std::string& part : field.path) {
    text += "/" + part;
  }
  return text;
}

inline std::string text_of(const Literal& literal) {
  struct Text {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return fmt::format("int {}", value); }
    std::string operator()(double value) const { return fmt::format("double {}", value); }
    std::string operator()(const std::string& value) const { return "'" + value + "'"; }
  };
  return std::visit(Text(), literal);
}

inline std::string text_of(const Filter& filter) {
  constexpr const char* kNames[] = {
      "and", "or", "not", "=", "!=", "<", "<=", ">", ">=", "in", "contains", "prefix", "exists"};
  std::string text = std::string("(") + kNames[static_cast<int>(filter.kind)];
  for (const Filter& part : filter.parts) {
    text += " " + text_of(part);
  }
  if (filter.parts.empty()) {
    text += " " + text_of(filter.field);
  }
  for (const Literal& literal : filter.literals) {
    text += " " + text_of(literal);
  }
  return text + ")";
}

inline std::string text_of(const Measure& measure) {
  constexpr const char* kNames[] = {"count", "uniq", "sum", "mean", "min", "max", "quantile"};
  return fmt::format("{}[{} {} {}]", measure.text, kNames[static_cast<int>(measure.kind)], text_of(measure.field),
                     measure.quantile);
}

inline std::string text_of(const MetricQuery& query) {
  std::string text = "project " + query.project + "; measures";
  for (const Measure& measure : query.measures) {
    text += " " + text_of(measure);
  }
  text += "; by";
  for (const FieldRef& field : query.by) {
    text += " " + text_of(field);
  }
  text += "; where " + (query.where ? text_of(*query.where) : std::string("-"));
  text += fmt::format("; range {} {}; every {}; zone {}; order", format_rfc3339(query.from), format_rfc3339(query.to),
                      static_cast<int>(query.every), query.time_zone);
  for (const MetricQuery::Order& order : query.order) {
    text += (order.descending ? " -" : " ") + order.column;
  }
  return text + fmt::format("; limit {}", query.limit);
}

}  // namespace millrace
