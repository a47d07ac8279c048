// Filters of field_sql.h.
#include <fmt/format.h>

#include "store/clickhouse/field_sql.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

constexpr int kDepthMax = 32;

// ClickHouse's comparison with NULL is NULL; a condition of ours is false then.
std::string never_null(const std::string& condition) { return "ifNull(" + condition + ", 0)"; }

Error unfit(const Filter& filter, const char* what) {
  return invalid("the filter on " + quote_string(filter.field.text) + " " + what);
}

bool is_number(const Literal& literal) {
  return std::holds_alternative<std::int64_t>(literal) || std::holds_alternative<double>(literal);
}

std::string number_literal(const Literal& literal) {
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&literal)) return fmt::format("toInt64('{}')", *integer);
  return number_text(std::get<double>(literal));
}

// What a literal looks like as text: how a number or boolean is compared with a field that is only text.
std::string text_of(const Literal& literal) {
  if (const std::string* text = std::get_if<std::string>(&literal)) return *text;
  if (const bool* boolean = std::get_if<bool>(&literal)) return *boolean ? "true" : "false";
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&literal)) return std::to_string(*integer);
  return fmt::format("{}", std::get<double>(literal));
}

const char* operator_text(Filter::Kind kind) {
  switch (kind) {
    case Filter::Kind::kLess:
      return "<";
    case Filter::Kind::kLessEqual:
      return "<=";
    case Filter::Kind::kGreater:
      return ">";
    case Filter::Kind::kGreaterEqual:
      return ">=";
    default:
      return "=";
  }
}

Result<std::string> compare_time(const Filter& filter, const char* op, const Literal& literal) {
  const std::string* text = std::get_if<std::string>(&literal);
  std::optional<std::string> time = text != nullptr ? rfc3339_sql(*text) : std::nullopt;
  if (!time) return unfit(filter, "needs a time as RFC 3339 text");
  return fmt::format("{} {} {}", filter.field.base, op, *time);
}

// field op literal, for = < <= > >=; the field is there, the literal isn't null.
Result<std::string> compare(const Filter& filter, const FieldSql& field, const Literal& literal) {
  const char* op = operator_text(filter.kind);
  if (std::holds_alternative<std::monostate>(literal)) return unfit(filter, "has null as a value: use `exists`");
  if (const double* number = std::get_if<double>(&literal); number != nullptr && *number - *number != 0) {
    return unfit(filter, "has a number that is not finite");
  }
  if (field.kind == FieldKind::kTime) return compare_time(filter, op, literal);
  bool ordered =
      filter.kind != Filter::Kind::kEqual && filter.kind != Filter::Kind::kNotEqual && filter.kind != Filter::Kind::kIn;
  if (ordered && std::holds_alternative<bool>(literal)) return unfit(filter, "can't order true and false");
  if (is_number(literal) && !field.number.empty()) {
    return never_null(fmt::format("{} {} {}", field.number, op, number_literal(literal)));
  }
  if (is_number(literal) && ordered) return unfit(filter, "orders text by a number: compare it with a string");
  std::string text = quote_string(text_of(literal));
  if (field.kind == FieldKind::kText)
    return fmt::format("{} {} {}{}", filter.field.base, op, text, ordered ? " AND " + field.exists : "");
  return never_null(fmt::format("{} {} {}", field.text, op, text));
}

Result<std::string> equal(const Filter& filter, const FieldSql& field, const Literal& literal) {
  // An absent text is '' in the table, and no text that is there is empty.
  if (field.kind == FieldKind::kText && text_of(literal).empty()) return std::string("0");
  return compare(filter, field, literal);
}

Result<std::string> one_of(const Filter& filter, const FieldSql& field) {
  std::string any;
  for (const Literal& literal : filter.literals) {
    MR_ASSIGN(std::string condition, equal(filter, field, literal));
    any += (any.empty() ? "(" : " OR ") + condition;
  }
  return any.empty() ? std::string("0") : any + ")";
}

Result<std::string> text_match(const Filter& filter, const FieldSql& field) {
  const std::string* text = std::get_if<std::string>(&filter.literals[0]);
  if (text == nullptr) return unfit(filter, "needs a string");
  if (field.kind == FieldKind::kTime) return unfit(filter, "is on a time: compare it with < and >=");
  if (filter.kind == Filter::Kind::kPrefix)
    return never_null(fmt::format("startsWith({}, {})", field.text, quote_string(*text)));
  return never_null(fmt::format("position({}, {}) > 0", field.text, quote_string(*text)));
}

Result<std::string> leaf(const Filter& filter, const QuerySchema& schema) {
  MR_ASSIGN(FieldSql field, field_sql(filter.field, schema));
  if (filter.kind == Filter::Kind::kExists) return field.exists;
  if (filter.kind == Filter::Kind::kIn) return one_of(filter, field);
  if (filter.literals.size() != 1) return unfit(filter, "needs one value");
  const Literal& literal = filter.literals[0];
  bool equality = filter.kind == Filter::Kind::kEqual || filter.kind == Filter::Kind::kNotEqual;
  if (equality) {
    MR_ASSIGN(std::string same, equal(filter, field, literal));
    return filter.kind == Filter::Kind::kEqual ? same : "NOT (" + same + ")";
  }
  if (filter.kind == Filter::Kind::kContains || filter.kind == Filter::Kind::kPrefix) return text_match(filter, field);
  return compare(filter, field, literal);
}

Result<std::string> condition(const Filter& filter, const QuerySchema& schema, int depth) {
  if (depth > kDepthMax) return invalid("the filter is nested too deeply");
  bool is_not = filter.kind == Filter::Kind::kNot;
  if (!is_not && filter.kind != Filter::Kind::kAnd && filter.kind != Filter::Kind::kOr) return leaf(filter, schema);
  if (is_not && filter.parts.size() != 1) return invalid("`not` needs one filter");
  const char* joint = filter.kind == Filter::Kind::kOr ? " OR " : " AND ";
  std::string joined;
  for (const Filter& part : filter.parts) {
    MR_ASSIGN(std::string text, condition(part, schema, depth + 1));
    joined += (joined.empty() ? "(" : joint + std::string("(")) + text + ")";
  }
  if (joined.empty()) return std::string(filter.kind == Filter::Kind::kOr ? "0" : "1");
  return is_not ? "NOT " + joined : joined;
}

}  // namespace

Result<std::string> filter_sql(const Filter& filter, const QuerySchema& schema) { return condition(filter, schema, 0); }

}  // namespace millrace::clickhouse
