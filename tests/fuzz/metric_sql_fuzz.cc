// Any metric query, whatever its names and literals, and also such as no spelling can say, gives a statement that
// sql_check.h lets pass.
//
// bytes_max: 512
// covers: src/store/clickhouse/metric_sql.cc src/store/clickhouse/filter_sql.cc src/store/clickhouse/field_sql.cc
// covers: src/store/clickhouse/sql_text.cc src/store/clickhouse/property_column.cc
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sql_check.h"
#include "store/clickhouse/metric_sql.h"

namespace {

using millrace::FieldRef;
using millrace::Filter;
using millrace::Measure;

// Draws a query from bytes.
class Source {
 public:
  Source(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  std::uint8_t byte() {
    if (left_ == 0) return 0;
    --left_;
    return *data_++;
  }
  std::string text() {
    std::size_t size = std::min<std::size_t>(byte() % 24, left_);
    std::string text(reinterpret_cast<const char*>(data_), size);
    data_ += size, left_ -= size;
    // What quoting is about comes more often than once in 256 bytes.
    for (char& c : text) {
      auto byte = static_cast<unsigned char>(c);
      if (byte >= 0xf0) c = "\\'`\\\"\n%\\"[byte & 7];
    }
    return text;
  }
  FieldRef field() {
    static const char* const kBases[] = {"event", "user_id", "visitor", "time", "received", "message_id"};
    FieldRef field;
    std::uint8_t kind = byte() % 4;
    if (kind == 0) field.base = kBases[byte() % 6];
    if (kind == 1) field.base = text();
    field.kind = kind < 2 ? FieldRef::Kind::kBase : kind == 2 ? FieldRef::Kind::kProperty : FieldRef::Kind::kContext;
    for (int parts = byte() % 4; parts > 0; --parts) field.path.push_back(text());
    field.text = text();
    return field;
  }
  millrace::Literal literal() {
    switch (byte() % 4) {
      case 0:
        return text();
      case 1:
        return static_cast<std::int64_t>(byte()) - 100;
      case 2:
        return static_cast<double>(byte()) / 3;
      default:
        return byte() % 2 == 0;
    }
  }
  Filter filter(int depth) {
    Filter filter;
    filter.kind = static_cast<Filter::Kind>(byte() % 13);
    if (filter.kind <= Filter::Kind::kNot) {
      for (int parts = byte() % 3; parts > 0 && depth < 6; --parts) filter.parts.push_back(this->filter(depth + 1));
      return filter;
    }
    filter.field = field();
    for (int literals = byte() % 3; literals > 0; --literals) filter.literals.push_back(literal());
    return filter;
  }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Source source(data, size);
  millrace::clickhouse::QuerySchema schema{"millrace", {{"n", millrace::DeclaredProperty::Type::kInteger}}, "", {}};
  millrace::MetricQuery query;
  query.project = source.text();
  query.from = source.byte() % 2 == 0 ? 0 : 1'700'000'040'000'000'000;
  query.to = query.from + source.byte() * 30'000'000'000LL;
  query.every = static_cast<millrace::Every>(source.byte() % 9);
  if (source.byte() % 4 == 0) query.time_zone = source.text();
  for (int measures = source.byte() % 3 + 1; measures > 0; --measures) {
    query.measures.push_back(
        {static_cast<Measure::Kind>(source.byte() % 7), source.field(), source.byte() / 200.0, source.text()});
  }
  for (int dimensions = source.byte() % 4; dimensions > 0; --dimensions) query.by.push_back(source.field());
  if (source.byte() % 2 == 0) query.order.push_back({query.measures[0].text, source.byte() % 2 == 0});
  if (source.byte() % 4 != 0) query.where = source.filter(0);
  auto sql = millrace::clickhouse::metric_sql(query, schema);
  if (sql.ok()) millrace::fuzz::check_sql(sql->text, {});
  auto events = millrace::clickhouse::events_sql({query.project, query.where, query.from, query.to, 10}, schema);
  if (events.ok()) millrace::fuzz::check_sql(*events, {});
  return 0;
}
