#include "store/clickhouse/kept_property.h"

#include <algorithm>

#include "store/clickhouse/property_column.h"

namespace millrace::clickhouse {
namespace {

constexpr std::string_view kFewTexts = "LowCardinality(Nullable(String))";
constexpr std::string_view kTexts = "Nullable(String)";
constexpr std::string_view kNumbers = "Nullable(Float64)";

class Asked {
 public:
  explicit Asked(const std::vector<DeclaredProperty>& declared) : declared_(declared) {}

  void add(const FieldRef& field, KeptProperty::Kind kind) {
    if (field.kind != FieldRef::Kind::kProperty || field.path.empty()) return;
    std::string name;
    for (const std::string& key : field.path) {
      if (key.find('.') != std::string::npos) return;  // "a.b" as one key would read as a path
      name += (name.empty() ? "" : ".") + key;
    }
    bool is_declared = std::any_of(declared_.begin(), declared_.end(),
                                   [&](const DeclaredProperty& property) { return property.name == name; });
    KeptProperty property{std::move(name), kind, false};
    if (is_declared || !check_declared({property.name, DeclaredProperty::Type::kString}).ok()) return;
    if (std::find(all.begin(), all.end(), property) == all.end()) all.push_back(std::move(property));
  }

  void add(const Filter& filter) {
    for (const Filter& part : filter.parts) add(part);
    bool joint =
        filter.kind == Filter::Kind::kAnd || filter.kind == Filter::Kind::kOr || filter.kind == Filter::Kind::kNot;
    if (joint) return;
    if (filter.kind == Filter::Kind::kExists) add(filter.field, KeptProperty::Kind::kText);
    for (const Literal& literal : filter.literals) {
      bool number = std::holds_alternative<std::int64_t>(literal) || std::holds_alternative<double>(literal);
      add(filter.field, number ? KeptProperty::Kind::kNumber : KeptProperty::Kind::kText);
    }
  }

  std::vector<KeptProperty> all;

 private:
  const std::vector<DeclaredProperty>& declared_;
};

}  // namespace

std::string kept_column(const KeptProperty& property) {
  std::string name = (property.kind == KeptProperty::Kind::kText ? "t_" : "n_") + property.name;
  std::replace(name.begin(), name.end(), '.', ':');
  return name;
}

std::string kept_type(const KeptProperty& property) {
  if (property.kind == KeptProperty::Kind::kNumber) return std::string(kNumbers);
  return std::string(property.few ? kFewTexts : kTexts);
}

std::string kept_default(const KeptProperty& property) {
  std::vector<std::string> path = split_path(property.name);
  if (property.kind == KeptProperty::Kind::kText) return json_text("properties", path);
  return "toFloat64OrNull(" + json_raw("properties", path) + ")";
}

std::string kept_codec(const KeptProperty& property) { return property.few ? "" : "CODEC(LZ4)"; }

std::optional<KeptProperty> kept_of_column(std::string_view column, std::string_view type) {
  bool text = column.starts_with("t_") && (type == kTexts || type == kFewTexts);
  bool number = column.starts_with("n_") && type == kNumbers;
  if (!text && !number) return {};
  std::string name(column.substr(2));
  std::replace(name.begin(), name.end(), ':', '.');
  return KeptProperty{std::move(name), text ? KeptProperty::Kind::kText : KeptProperty::Kind::kNumber,
                      type == kFewTexts};
}

std::vector<KeptProperty> asked_properties(const MetricQuery& query, const std::vector<DeclaredProperty>& declared) {
  Asked asked(declared);
  for (const FieldRef& field : query.by) asked.add(field, KeptProperty::Kind::kText);
  for (const Measure& measure : query.measures) {
    if (measure.kind == Measure::Kind::kCount) continue;
    bool text = measure.kind == Measure::Kind::kUniq;
    asked.add(measure.field, text ? KeptProperty::Kind::kText : KeptProperty::Kind::kNumber);
  }
  if (query.where) asked.add(*query.where);
  return std::move(asked.all);
}

}  // namespace millrace::clickhouse
