#include "store/clickhouse/metric_sql.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time_format.h"
#include "store/clickhouse/schema.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {
namespace {

constexpr TimeNs kMinuteNs = 60 * kSecond;
// From here on every time zone's offset is whole minutes (Liberia's was not until 1972).
constexpr TimeNs kWholeMinutesFrom = 94'694'400 * kSecond;  // 1973-01-01

class Builder {
 public:
  Builder(const MetricQuery& query, const QuerySchema& schema) : query_(query), schema_(schema) {}

  Result<MetricSql> build() {
    MR_TRY(check());
    minutes_ = fits_minutes();
    MR_TRY(add_time());
    for (const FieldRef& field : query_.by) MR_TRY(add_dimension(field));
    for (const Measure& measure : query_.measures) MR_TRY(add_measure(measure));
    MR_ASSIGN(std::string where, conditions());
    MR_ASSIGN(std::string order, order_by());
    sql_.text = fmt::format("SELECT {} FROM {}.events WHERE {}", fmt::join(selected_, ", "),
                            quote_name(schema_.database), where);
    if (!groups_.empty()) sql_.text += fmt::format(" GROUP BY {}", fmt::join(groups_, ", "));
    if (!order.empty()) sql_.text += " ORDER BY " + order;
    sql_.text += fmt::format(" LIMIT {}", static_cast<std::uint64_t>(query_.limit) + 1);
    return std::move(sql_);
  }

 private:
  Result<void> check() const {
    if (query_.measures.empty()) return invalid("a query needs at least one measure, for instance count");
    if (query_.by.size() > 3) return invalid("a query has at most three dimensions");
    if (query_.limit == 0) return invalid("the limit must be at least 1");
    if (query_.to < query_.from) return invalid("the range ends before it begins");
    if (!is_time_zone_name(query_.time_zone))
      return invalid("the time zone must be an IANA name, for instance Europe/Berlin");
    return {};
  }

  // Whether the projection by_minute can answer: counts of whole minutes, by event at most, of all rows.
  bool fits_minutes() const {
    bool aligned = query_.from % kMinuteNs == 0 && query_.to % kMinuteNs == 0 && query_.from >= kWholeMinutesFrom;
    bool counts = std::all_of(query_.measures.begin(), query_.measures.end(),
                              [](const Measure& measure) { return measure.kind == Measure::Kind::kCount; });
    bool by_event = std::all_of(query_.by.begin(), query_.by.end(), is_event);
    bool filters = !query_.where || only_events(*query_.where);
    return aligned && counts && by_event && filters && query_.every != Every::kOneSecond && schema_.owned_rows.empty();
  }
  static bool is_event(const FieldRef& field) { return field.kind == FieldRef::Kind::kBase && field.base == "event"; }
  static bool only_events(const Filter& filter) {
    bool joint =
        filter.kind == Filter::Kind::kAnd || filter.kind == Filter::Kind::kOr || filter.kind == Filter::Kind::kNot;
    return joint ? std::all_of(filter.parts.begin(), filter.parts.end(), only_events) : is_event(filter.field);
  }

  void add(const std::string& expression, const std::string& name, ColumnType type) {
    selected_.push_back(fmt::format("{} AS c{}", expression, sql_.columns.size()));
    sql_.columns.push_back({name, type, ""});
  }

  Result<void> add_time() {
    if (query_.every == Every::kNone) return {};
    std::string zone = quote_string(query_.time_zone);
    std::string time = minutes_ ? fmt::format("fromUnixTimestamp64Nano({}, 'UTC')", kMinute) : "time";
    std::string group = bucket_sql(query_.every, time, zone);
    groups_.push_back(group);
    add(fmt::format("toUnixTimestamp64Milli(toDateTime64({}, 3, {}))", group, zone), "time", ColumnType::kTime);
    return {};
  }

  Result<void> add_dimension(const FieldRef& field) {
    MR_ASSIGN(FieldSql sql, field_sql(field, schema_));
    bool is_time = sql.kind == FieldKind::kTime;
    groups_.push_back(is_time ? sql.number : sql.text);
    add(groups_.back(), field.text, is_time ? ColumnType::kTime : ColumnType::kString);
    return {};
  }

  Result<void> add_measure(const Measure& measure) {
    if (measure.kind == Measure::Kind::kCount) {
      add("count()", measure.text, ColumnType::kInteger);
      return {};
    }
    MR_ASSIGN(FieldSql field, field_sql(measure.field, schema_));
    if (measure.kind == Measure::Kind::kUniq) {
      add(fmt::format("uniqExact({})", field.distinct), measure.text, ColumnType::kInteger);
      return {};
    }
    bool extreme = measure.kind == Measure::Kind::kMin || measure.kind == Measure::Kind::kMax;
    if (field.number.empty() || (field.kind == FieldKind::kTime && !extreme)) {
      return invalid("the measure " + quote_string(measure.text) + " needs a numeric property");
    }
    return add_numeric(measure, field);
  }

  Result<void> add_numeric(const Measure& measure, const FieldSql& field) {
    ColumnType exact = field.kind == FieldKind::kTime      ? ColumnType::kTime
                       : field.kind == FieldKind::kInteger ? ColumnType::kInteger
                                                           : ColumnType::kNumber;
    switch (measure.kind) {
      case Measure::Kind::kSum:
        add("sum(" + field.number + ")", measure.text, exact);
        break;
      case Measure::Kind::kMin:
        add("minOrNull(" + field.number + ")", measure.text, exact);
        break;
      case Measure::Kind::kMax:
        add("maxOrNull(" + field.number + ")", measure.text, exact);
        break;
      case Measure::Kind::kMean:
        add("avg(" + field.number + ")", measure.text, ColumnType::kNumber);
        break;
      default: {
        if (!(measure.quantile >= 0 && measure.quantile <= 1)) return invalid("a quantile lies between 0 and 1");
        std::string call = fmt::format("quantileExactInclusive({})({})", fixed(measure.quantile), field.number);
        add(call, measure.text, ColumnType::kNumber);
      }
    }
    return {};
  }
  // A parameter of an aggregate must be a plain literal.
  static std::string fixed(double value) { return fmt::format("{:.12f}", value); }

  Result<std::string> conditions() const {
    std::string where = "project = " + quote_string(query_.project);
    if (minutes_) {
      where += fmt::format(" AND {0} >= {1} AND {0} < {2}", kMinute, query_.from, query_.to);
    } else {
      where += fmt::format(" AND time >= {} AND time < {}", time_text(query_.from), time_text(query_.to));
    }
    if (query_.where) {
      MR_ASSIGN(std::string filter, filter_sql(*query_.where, schema_));
      where += " AND (" + filter + ")";
    }
    if (!schema_.owned_rows.empty()) where += " AND (" + schema_.owned_rows + ")";
    return where;
  }

  // As asked; else by time and dimensions, or the largest first measure first. What is left equal is ordered by the
  // groups.
  Result<std::string> order_by() const {
    if (groups_.empty()) return std::string();
    std::vector<std::string> keys;
    for (const MetricQuery::Order& order : query_.order) {
      auto found = std::find_if(sql_.columns.begin(), sql_.columns.end(),
                                [&](const AnswerColumn& column) { return column.name == order.column; });
      if (found == sql_.columns.end()) {
        return invalid("can't order by " + quote_string(order.column) + ": it is no column of the answer");
      }
      keys.push_back(fmt::format("c{}{}", found - sql_.columns.begin(), order.descending ? " DESC" : ""));
    }
    if (keys.empty() && query_.every == Every::kNone) keys.push_back(fmt::format("c{} DESC", groups_.size()));
    for (std::size_t group = 0; group < groups_.size(); ++group) keys.push_back(fmt::format("c{}", group));
    return fmt::format("{}", fmt::join(keys, ", "));
  }

  const MetricQuery& query_;
  const QuerySchema& schema_;
  MetricSql sql_;
  bool minutes_ = false;
  std::vector<std::string> selected_, groups_;
};

}  // namespace

Result<MetricSql> metric_sql(const MetricQuery& query, const QuerySchema& schema) {
  return Builder(query, schema).build();
}

Result<std::string> events_sql(const EventsQuery& query, const QuerySchema& schema) {
  if (query.limit == 0) return invalid("the limit must be at least 1");
  std::string where = fmt::format("project = {} AND time >= {} AND time < {}", quote_string(query.project),
                                  time_text(query.from), time_text(query.to));
  if (query.where) {
    MR_ASSIGN(std::string filter, filter_sql(*query.where, schema));
    where += " AND (" + filter + ")";
  }
  if (!schema.owned_rows.empty()) where += " AND (" + schema.owned_rows + ")";
  return fmt::format(
      "SELECT toString(event), user_id, anonymous_id, session_id, message_id, properties, context, "
      "toUnixTimestamp64Nano(time), "
      "toUnixTimestamp64Nano(sent), toUnixTimestamp64Nano(received), generation, `partition`, sequence FROM {}.events "
      "WHERE {} "
      "ORDER BY time DESC, `partition`, sequence DESC LIMIT {}",
      quote_name(schema.database), where, query.limit);
}

std::string bucket_sql(Every every, const std::string& time, const std::string& zone) {
  switch (every) {
    case Every::kOneSecond:
      return fmt::format("toStartOfSecond({})", time);
    case Every::kMinute:
      return fmt::format("toStartOfMinute({}, {})", time, zone);
    case Every::kFiveMinutes:
      return fmt::format("toStartOfFiveMinutes({}, {})", time, zone);
    case Every::kFifteenMinutes:
      return fmt::format("toStartOfFifteenMinutes({}, {})", time, zone);
    case Every::kHour:
      return fmt::format("toStartOfHour({}, {})", time, zone);
    case Every::kDay:
      return fmt::format("toStartOfDay({}, {})", time, zone);
    case Every::kWeek:
      return fmt::format("toMonday({}, {})", time, zone);
    case Every::kMonth:
      return fmt::format("toStartOfMonth({}, {})", time, zone);
    case Every::kNone:
      break;
  }
  return time;
}

Settings query_settings() {
  return {{"enable_extended_results_for_datetime_functions", "1"},
          {"output_format_json_quote_64bit_integers", "0"},
          {"output_format_json_quote_denormals", "0"},
          {"output_format_json_escape_forward_slashes", "0"},
          {"precise_float_parsing", "1"}};
}

bool is_time_zone_name(const std::string& name) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-' || c == '/';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace millrace::clickhouse
