#pragma once
// What a query looks at, as expressions of SQL over the table `events`.

#include <string>
#include <vector>

#include "base/result.h"
#include "model/query.h"
#include "store/clickhouse/kept_property.h"
#include "store/store.h"

namespace millrace::clickhouse {

enum class FieldKind {
  kText,  // a base field: String, '' when absent
  kTime,  // time, received
  kJson,  // a property that isn't declared, or of context
  kInteger,
  kNumber,
  kString,
  kBoolean  // declared properties
};

struct FieldSql {
  FieldKind kind = FieldKind::kText;
  // As text, NULL when absent: what a dimension shows, what strings are compared with.
  std::string text;
  // The value to count distinct ones of, NULL when absent.
  std::string distinct;
  // Nullable number (integer ms for times), NULL for what isn't one; empty when it never is one.
  std::string number;
  // Condition: the event has it.
  std::string exists;
};

// What the generator must know of the store.
struct QuerySchema {
  std::string database;
  std::vector<DeclaredProperty> declared;
  std::string owned_rows;          // a condition that every row must meet; empty: all rows count
  std::vector<KeptProperty> kept;  // have columns, with what their expressions would give
};

// kInvalid for a base field that there isn't, and an empty path.
Result<FieldSql> field_sql(const FieldRef& field, const QuerySchema& schema);

// A filter as a condition that is never NULL: a comparison with something that the event lacks, or that isn't of the
// literal's kind, is false, and `!=` is the opposite of `=`. kInvalid says what is wrong.
Result<std::string> filter_sql(const Filter& filter, const QuerySchema& schema);

}  // namespace millrace::clickhouse
