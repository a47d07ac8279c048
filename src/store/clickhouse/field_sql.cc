#include "store/clickhouse/field_sql.h"

#include <algorithm>

#include <fmt/format.h>

#include "store/clickhouse/property_column.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

constexpr std::string_view kTextFields[] = {"event", "user_id", "anonymous_id", "session_id", "visitor", "message_id"};

FieldSql text_field(const std::string& name) {
  FieldSql field;
  field.kind = FieldKind::kText;
  field.text = name == "event" ? name : "nullIf(" + name + ", '')";
  field.distinct = field.text;
  field.exists = name + " != ''";
  return field;
}

FieldSql time_field(const std::string& name) {
  FieldSql field;
  field.kind = FieldKind::kTime;
  field.number = "toUnixTimestamp64Milli(" + name + ")";
  field.text = "toString(" + field.number + ")";
  field.distinct = name;
  field.exists = "1";
  return field;
}

FieldSql json_field(const std::string& column, const std::vector<std::string>& path) {
  FieldSql field;
  field.kind = FieldKind::kJson;
  field.text = json_text(column, path);
  field.distinct = field.text;
  field.number = "toFloat64OrNull(" + json_raw(column, path) + ")";
  field.exists = field.text + " IS NOT NULL";
  return field;
}

// A property that isn't declared: from the text, or from the columns that hold what the text would give.
FieldSql property_field(const std::vector<std::string>& path, const std::vector<KeptProperty>& kept) {
  FieldSql field = json_field("properties", path);
  for (const KeptProperty& property : kept) {
    if (split_path(property.name) != path) continue;
    std::string column = quote_name(kept_column(property));
    if (property.kind == KeptProperty::Kind::kNumber) {
      field.number = column;
    } else {
      field.text = field.distinct = column;
      field.exists = column + " IS NOT NULL";
    }
  }
  return field;
}

FieldSql declared_field(const DeclaredProperty& property) {
  FieldSql field;
  std::string column = quote_name(column_name(property));
  field.distinct = column;
  field.exists = column + " IS NOT NULL";
  field.text = "toString(" + column + ")";
  switch (property.type) {
    case DeclaredProperty::Type::kInteger:
      field.kind = FieldKind::kInteger, field.number = column;
      break;
    case DeclaredProperty::Type::kNumber:
      field.kind = FieldKind::kNumber, field.number = column;
      break;
    case DeclaredProperty::Type::kBoolean:
      field.kind = FieldKind::kBoolean;
      break;
    case DeclaredProperty::Type::kString:
      field.kind = FieldKind::kString, field.text = column;
      break;
  }
  return field;
}

}  // namespace

Result<FieldSql> field_sql(const FieldRef& field, const QuerySchema& schema) {
  if (field.kind == FieldRef::Kind::kBase) {
    if (field.base == "time" || field.base == "received") return time_field(field.base);
    if (std::find(std::begin(kTextFields), std::end(kTextFields), field.base) != std::end(kTextFields)) {
      return text_field(field.base);
    }
    return invalid("there is no field " + quote_string(field.base) +
                   ": use event, user_id, anonymous_id, session_id, visitor, message_id, time, received, properties.… "
                   "or context.…");
  }
  if (field.path.empty()) return invalid("a property needs a name: properties.NAME");
  if (field.kind == FieldRef::Kind::kContext) return json_field("context", field.path);
  for (const DeclaredProperty& property : schema.declared) {
    if (split_path(property.name) == field.path) return declared_field(property);
  }
  return property_field(field.path, schema.kept);
}

}  // namespace millrace::clickhouse
