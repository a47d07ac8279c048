#pragma once
// A metric query: measures of events, broken down by dimensions and time. Plain data; query/ reads it from JSON, URL
// and flags, a store answers it.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/strong.h"

namespace millrace {

// What a measure, dimension or filter looks at: a base field (event, user_id, anonymous_id, session_id, visitor,
// message_id, time, received), or a property by its path ("properties.cart.total" is {"cart","total"}), or the same of
// context.
struct FieldRef {
  enum class Kind { kBase, kProperty, kContext };
  Kind kind = Kind::kBase;
  std::string base;
  std::vector<std::string> path;
  std::string text;  // as it was asked: the name of its column in the answer
};

struct Measure {
  enum class Kind { kCount, kUniq, kSum, kMean, kMin, kMax, kQuantile };
  Kind kind = Kind::kCount;
  FieldRef field;       // unused for kCount
  double quantile = 0;  // 0 … 1, for kQuantile
  std::string text;     // as it was asked, e.g. "quantile(0.95, properties.added)"
};

using Literal = std::variant<std::monostate /* null */, bool, std::int64_t, double, std::string>;

struct Filter {
  enum class Kind {
    kAnd,
    kOr,
    kNot,
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual,
    kIn,
    kContains,
    kPrefix,
    kExists
  };
  Kind kind = Kind::kAnd;
  std::vector<Filter> parts;      // of and, or, not
  FieldRef field;                 // of the others
  std::vector<Literal> literals;  // one; any number for kIn; none for kExists
  // Literals of `time` and `received` are RFC 3339 texts in UTC. Literals are never null: `= null` is read as `not
  // exists`.
};

enum class Every { kNone, kOneSecond, kMinute, kFiveMinutes, kFifteenMinutes, kHour, kDay, kWeek, kMonth };

struct MetricQuery {
  std::string project;
  std::vector<Measure> measures;
  std::vector<FieldRef> by;
  std::optional<Filter> where;
  TimeNs from = 0;  // of event time; half open
  TimeNs to = 0;
  Every every = Every::kNone;
  std::string time_zone = "UTC";  // an IANA name
  struct Order {
    std::string column;  // a measure's, a dimension's text, or "time"
    bool descending = false;
  };
  std::vector<Order> order;
  std::uint32_t limit = 1000;  // rows in the answer
};

struct QueryBudget {
  std::int64_t time_ms = 10'000;
  std::int64_t memory_bytes = 512 << 20;
  std::int64_t rows_read = 0;  // 0: no limit
};

enum class ColumnType { kTime /* integer ms since 1970 */, kInteger, kNumber, kString, kBoolean };

struct AnswerColumn {
  std::string name;
  ColumnType type = ColumnType::kNumber;
  std::string values_json;  // a JSON array, one value a row
};

struct QueryAnswer {
  std::vector<AnswerColumn> columns;  // time first when `every` is set, then dimensions, then measures
  std::uint64_t rows = 0;
  std::uint64_t rows_read = 0;
  std::string cut;  // the limit that was hit: "limit", "time", "memory", "rows_read"; empty when the answer is whole
};

// Raw events, newest event time first.
struct EventsQuery {
  std::string project;
  std::optional<Filter> where;
  TimeNs from = 0;
  TimeNs to = 0;
  std::uint32_t limit = 100;
};

}  // namespace millrace
