#pragma once
// A filter, made ready to be asked of one event after the other. It means what src/store/clickhouse/filter_sql.cc
// means: a comparison with something that the event lacks is false, and `!=` is the opposite of `=`.

#include <string>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "model/query.h"
#include "views/field_reader.h"

namespace millrace {

class EventFilter {
 public:
  // Its fields are added to `reader`, which must outlive it. kInvalid: the filter can't be asked, and why.
  static Result<EventFilter> compile(const Filter& filter, FieldReader& reader);
  void release(FieldReader& reader) const;

  bool matches(const EventView& event, const FieldValue* fields) const { return holds(0, event, fields); }

 private:
  enum class As { kText, kNumber, kTime, kNever };
  struct Value {
    As as = As::kText;
    std::string text;
    double number = 0;
    TimeNs time = 0;
  };
  struct Node {
    Filter::Kind kind = Filter::Kind::kAnd;
    std::vector<std::size_t> parts;
    std::size_t field = 0;
    bool received = false;  // of a time field
    std::vector<Value> values;
  };
  Result<std::size_t> add(const Filter& filter, FieldReader& reader, int depth);
  static Result<Value> value_of(const Filter& filter, const Literal& literal);
  bool holds(std::size_t node, const EventView& event, const FieldValue* fields) const;
  static bool compare(const Node& node, const Value& value, const EventView& event, const FieldValue& field);

  std::vector<Node> nodes_;
};

}  // namespace millrace
