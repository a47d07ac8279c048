#pragma once
// A property that nobody declared, but that is asked about: it gets a column, so that its questions no longer parse
// JSON. The column holds what the question's expression over `properties` gives, no more and no less, so that an answer
// is the same before and after; rows of older parts compute it. docs/adr/0051-what-is-asked-becomes-a-column.md

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/query.h"
#include "store/store.h"

namespace millrace::clickhouse {

struct KeptProperty {
  enum class Kind { kText, kNumber };
  std::string name;  // a path: "plan", "cart.total"
  Kind kind = Kind::kText;
  bool few = false;  // a text with few different values
  friend bool operator==(const KeptProperty& a, const KeptProperty& b) { return a.name == b.name && a.kind == b.kind; }
};

// t_<name> for text, n_<name> for numbers, with ':' for '.'.
std::string kept_column(const KeptProperty& property);
std::string kept_type(const KeptProperty& property);
// Computes it from the properties: the expression that a question about a property without a column has.
std::string kept_default(const KeptProperty& property);
std::string kept_codec(const KeptProperty& property);
// The property of a column of the table; nothing for other columns.
std::optional<KeptProperty> kept_of_column(std::string_view column, std::string_view type);

// Properties of the query that neither are declared nor could not be a column, each kind of each once.
std::vector<KeptProperty> asked_properties(const MetricQuery& query, const std::vector<DeclaredProperty>& declared);

}  // namespace millrace::clickhouse
