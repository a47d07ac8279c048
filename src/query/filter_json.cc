#include "query/filter_json.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time_format.h"
#include "query/field.h"
#include "query/time_range.h"
#include "query/words.h"

namespace millrace {
namespace {

using Kind = Filter::Kind;

constexpr std::string_view kOperators[] = {
    "and", "or", "not", "=", "!=", "<", "<=", ">", ">=", "in", "contains", "prefix", "exists"};
static_assert(std::size(kOperators) == static_cast<std::size_t>(Kind::kExists) + 1);

bool compares_text(Kind kind) { return kind == Kind::kContains || kind == Kind::kPrefix; }
bool compares_order(Kind kind) { return kind >= Kind::kLess && kind <= Kind::kGreaterEqual; }

Filter exists(FieldRef field) {
  Filter filter;
  filter.kind = Kind::kExists;
  filter.field = std::move(field);
  return filter;
}

Filter negated(Filter part) {
  Filter filter;
  filter.kind = Kind::kNot;
  filter.parts.push_back(std::move(part));
  return filter;
}

class FilterReader {
 public:
  FilterReader(const Calendar& calendar, TimeNs now) : calendar_(calendar), now_(now) {}

  Result<Filter> read(const Json& json, const std::string& path, int depth) {
    if (++nodes_ > kFilterNodesMax) {
      return at(path, invalid(fmt::format("more than {} conditions; use `in` for many values", kFilterNodesMax)));
    }
    if (depth > kFilterDepthMax) {
      return at(path, invalid(fmt::format("nested deeper than {}", kFilterDepthMax)));
    }
    if (!json.is_array() || json.items().empty() || !json.items()[0].is_string()) {
      return at(path, invalid("a filter is an array that begins with its operator: [\"=\", \"event\", \"signup\"]"));
    }
    const std::string& word = json.items()[0].text();
    const auto* known = std::find(std::begin(kOperators), std::end(kOperators), word);
    if (known == std::end(kOperators)) {
      return at(path + "[0]", unknown_word("operator", word, kOperators));
    }
    Kind kind = static_cast<Kind>(known - std::begin(kOperators));
    return kind <= Kind::kNot ? read_group(kind, json, path, depth) : read_condition(kind, json, path);
  }

 private:
  Result<Filter> read_group(Kind kind, const Json& json, const std::string& path, int depth) {
    Filter filter;
    filter.kind = kind;
    if (kind == Kind::kNot ? json.items().size() != 2 : json.items().size() < 2) {
      return at(path, invalid(kind == Kind::kNot ? "`not` takes one filter" : "takes at least one filter"));
    }
    for (std::size_t i = 1; i < json.items().size(); ++i) {
      MR_ASSIGN(Filter part, read(json.items()[i], fmt::format("{}[{}]", path, i), depth + 1));
      filter.parts.push_back(std::move(part));
    }
    return filter;
  }

  Result<Filter> read_condition(Kind kind, const Json& json, const std::string& path) {
    const std::string& word = json.items()[0].text();
    std::size_t parts = kind == Kind::kExists ? 2 : 3;
    if (json.items().size() != parts) {
      return at(path, invalid(fmt::format("`{}` takes {}", word,
                                          kind == Kind::kExists ? "a field" : "a field and what it is compared with")));
    }
    if (!json.items()[1].is_string()) {
      return at(path + "[1]", invalid("a field is a text, such as \"event\" or \"properties.price\""));
    }
    Result<FieldRef> field = parse_field(json.items()[1].text());
    if (!field.ok()) {
      return at(path + "[1]", field.error());
    }
    if (kind == Kind::kExists) {
      return exists(std::move(*field));
    }
    if (compares_text(kind) && is_time_field(*field)) {
      return at(path, invalid(fmt::format("`{}` compares text; {} is a time", word, field->text)));
    }
    std::string place = path + "[2]";
    return kind == Kind::kIn ? read_list(std::move(*field), json.items()[2], place)
                             : read_comparison(kind, std::move(*field), json.items()[2], place);
  }

  Result<Filter> read_comparison(Kind kind, FieldRef field, const Json& json, const std::string& path) {
    if (json.is_null() && (kind == Kind::kEqual || kind == Kind::kNotEqual)) {
      return kind == Kind::kEqual ? negated(exists(std::move(field))) : exists(std::move(field));
    }
    if (compares_text(kind) && !json.is_string()) {
      return at(path, invalid("must be a text"));
    }
    if (compares_order(kind) && !json.is_string() && !json.is_number()) {
      return at(path, invalid("must be a number or a text"));
    }
    Filter filter;
    filter.kind = kind;
    MR_ASSIGN(Literal literal, read_literal(field, json, path));
    filter.literals.push_back(std::move(literal));
    filter.field = std::move(field);
    return filter;
  }

  // A null among the values stands for events that lack the field.
  Result<Filter> read_list(FieldRef field, const Json& json, const std::string& path) {
    if (!json.is_array() || json.items().empty() || json.items().size() > kFilterListMax) {
      return at(path, invalid(fmt::format("`in` takes an array of 1 to {} values", kFilterListMax)));
    }
    Filter filter;
    filter.kind = Kind::kIn;
    bool or_absent = false;
    for (std::size_t i = 0; i < json.items().size(); ++i) {
      if (json.items()[i].is_null()) {
        or_absent = true;
        continue;
      }
      MR_ASSIGN(Literal literal, read_literal(field, json.items()[i], fmt::format("{}[{}]", path, i)));
      filter.literals.push_back(std::move(literal));
    }
    filter.field = field;
    if (!or_absent) {
      return filter;
    }
    Filter absent = negated(exists(std::move(field)));
    if (filter.literals.empty()) {
      return absent;
    }
    Filter either;
    either.kind = Kind::kOr;
    either.parts = {std::move(filter), std::move(absent)};
    return either;
  }

  Result<Literal> read_literal(const FieldRef& field, const Json& json, const std::string& path) {
    if (is_time_field(field)) {
      Result<TimeNs> time = parse_time(json, calendar_, now_);
      return time.ok() ? Result<Literal>(format_rfc3339(*time)) : at(path, time.error());
    }
    if (is_text_field(field) && !json.is_string()) {
      return at(path, invalid(fmt::format("{} is text: put quotes around the value", field.text)));
    }
    switch (json.kind()) {
      case Json::Kind::kString:
        return Literal(json.text());
      case Json::Kind::kBool:
        return Literal(json.boolean());
      case Json::Kind::kNumber:
        return json.integer() ? Literal(*json.integer()) : Literal(json.number());
      default:
        return at(path, invalid("must be a text, a number, true or false"));
    }
  }

  const Calendar& calendar_;
  TimeNs now_;
  int nodes_ = 0;
};

}  // namespace

Result<Filter> parse_filter(const Json& json, std::string_view path, const Calendar& calendar, TimeNs now) {
  return FilterReader(calendar, now).read(json, std::string(path), 1);
}

}  // namespace millrace
