#include "store/clickhouse/metric_sql.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::clickhouse {
namespace {

using testing::HasSubstr;
using testing::Not;

FieldRef base(const std::string& name) { return {FieldRef::Kind::kBase, name, {}, name}; }
FieldRef property(std::vector<std::string> path, const std::string& text) {
  return {FieldRef::Kind::kProperty, "", std::move(path), text};
}
Measure count() { return {Measure::Kind::kCount, {}, 0, "count"}; }

MetricQuery counting() {
  MetricQuery query;
  query.project = "default";
  query.measures = {count()};
  query.from = 1'700'000'000'000'000'001;
  query.to = 1'700'000'000'000'000'002;
  query.limit = 10;
  return query;
}
QuerySchema declared_schema() {
  using Type = DeclaredProperty::Type;
  return {"millrace",
          {{"added", Type::kInteger}, {"cart.total", Type::kNumber}, {"plan", Type::kString}, {"ok", Type::kBoolean}},
          "",
          {}};
}
std::string text_of(const MetricQuery& query, const QuerySchema& schema = declared_schema()) {
  auto sql = metric_sql(query, schema);
  return sql.ok() ? sql->text : sql.error().message;
}
std::string where(const Filter& filter) {
  MetricQuery query = counting();
  query.where = filter;
  std::string text = text_of(query);
  std::size_t end = text.rfind(" LIMIT");
  std::size_t begin = text.find(" AND (", text.find("time <"));
  return begin == std::string::npos ? text : text.substr(begin + 5, end - begin - 5);
}
Filter leaf(Filter::Kind kind, const FieldRef& field, std::vector<Literal> literals) {
  return {kind, {}, field, std::move(literals)};
}

TEST(MetricSql, CountOfARange) {
  EXPECT_EQ(text_of(counting()),
            "SELECT count() AS c0 FROM `millrace`.events WHERE project = 'default' AND time >= "
            "fromUnixTimestamp64Nano(toInt64('1700000000000000001'), 'UTC') AND time < "
            "fromUnixTimestamp64Nano(toInt64('1700000000000000002'), 'UTC') LIMIT 11");
}

TEST(MetricSql, DimensionsBucketsAndMeasures) {
  MetricQuery query = counting();
  query.every = Every::kMonth;
  query.time_zone = "Europe/Berlin";
  query.by = {base("user_id"), property({"extension"}, "properties.extension")};
  query.measures = {
      {Measure::Kind::kUniq, base("visitor"), 0, "uniq(visitor)"},
      {Measure::Kind::kQuantile, property({"added"}, "properties.added"), 0.95, "quantile(0.95, properties.added)"},
      {Measure::Kind::kSum, property({"size"}, "properties.size"), 0, "sum(properties.size)"}};
  query.order = {{"uniq(visitor)", true}, {"properties.extension", false}};
  auto sql = metric_sql(query, declared_schema());
  ASSERT_TRUE(sql.ok()) << sql.error().message;
  EXPECT_EQ(
      sql->text.substr(0, sql->text.find(" FROM")),
      "SELECT toUnixTimestamp64Milli(toDateTime64(toStartOfMonth(time, 'Europe/Berlin'), 3, 'Europe/Berlin')) AS c0, "
      "nullIf(user_id, '') AS c1, JSONExtract(properties, 'extension', 'Nullable(String)') AS c2, "
      "uniqExact(nullIf(visitor, '')) AS c3, quantileExactInclusive(0.950000000000)(`p_added`) AS c4, "
      "sum(toFloat64OrNull(JSONExtractRaw(properties, 'size'))) AS c5");
  EXPECT_EQ(sql->text.substr(sql->text.find(" GROUP BY")),
            " GROUP BY toStartOfMonth(time, 'Europe/Berlin'), nullIf(user_id, ''), JSONExtract(properties, "
            "'extension', 'Nullable(String)') "
            "ORDER BY c3 DESC, c2, c0, c1, c2 LIMIT 11");
  EXPECT_EQ(sql->columns[0].type, ColumnType::kTime);
  EXPECT_EQ(sql->columns[1].type, ColumnType::kString);
  EXPECT_EQ(sql->columns[3].type, ColumnType::kInteger);
  EXPECT_EQ(sql->columns[5].type, ColumnType::kNumber);
}

TEST(MetricSql, LargestFirstUnlessAskedOtherwise) {
  MetricQuery query = counting();
  query.by = {base("event")};
  EXPECT_THAT(text_of(query), HasSubstr(" ORDER BY c1 DESC, c0 LIMIT"));
  query.every = Every::kDay;
  EXPECT_THAT(text_of(query), HasSubstr(" ORDER BY c0, c1 LIMIT"));
}

TEST(MetricSql, WholeMinutesOfCountsUseTheProjection) {
  MetricQuery query = counting();
  query.from = 1'700'000'040'000'000'000, query.to = 1'700'000'100'000'000'000;
  query.by = {base("event")};
  EXPECT_THAT(text_of(query), Not(HasSubstr("time >=")));
  auto without = [&](auto change) {
    MetricQuery changed = query;
    QuerySchema schema = declared_schema();
    change(changed, schema);
    return text_of(changed, schema);
  };
  EXPECT_THAT(without([](MetricQuery& q, QuerySchema&) { ++q.from; }), HasSubstr("time >="));
  EXPECT_THAT(without([](MetricQuery& q, QuerySchema&) { q.by = {base("user_id")}; }), HasSubstr("time >="));
  EXPECT_THAT(without([](MetricQuery& q, QuerySchema&) { q.every = Every::kOneSecond; }), HasSubstr("time >="));
  EXPECT_THAT(without([](MetricQuery&, QuerySchema& s) { s.owned_rows = "1"; }), HasSubstr("time >="));
  EXPECT_THAT(without([](MetricQuery& q, QuerySchema&) { q.where = leaf(Filter::Kind::kExists, base("user_id"), {}); }),
              HasSubstr("time >="));
  EXPECT_THAT(without([](MetricQuery& q, QuerySchema&) {
                q.measures.push_back({Measure::Kind::kUniq, base("user_id"), 0, "u"});
              }),
              HasSubstr("time >="));
}

TEST(MetricSql, FilterIsNeverNull) {
  using Kind = Filter::Kind;
  EXPECT_EQ(where(leaf(Kind::kEqual, base("event"), {std::string("it's")})), "(event = 'it\\'s')");
  EXPECT_EQ(where(leaf(Kind::kNotEqual, base("user_id"), {std::string("u")})), "(NOT (user_id = 'u'))");
  EXPECT_EQ(where(leaf(Kind::kLess, base("user_id"), {std::string("u")})), "(user_id < 'u' AND user_id != '')");
  EXPECT_EQ(where(leaf(Kind::kEqual, base("user_id"), {std::string()})), "(0)");
  EXPECT_EQ(where(leaf(Kind::kEqual, base("user_id"), {std::int64_t{12}})), "(user_id = '12')");
  EXPECT_EQ(where(leaf(Kind::kGreaterEqual, property({"added"}, "properties.added"), {std::int64_t{10}})),
            "(ifNull(`p_added` >= toInt64('10'), 0))");
  EXPECT_EQ(where(leaf(Kind::kLess, property({"x", "y"}, "properties.x.y"), {1.5})),
            "(ifNull(toFloat64OrNull(JSONExtractRaw(properties, 'x', 'y')) < toFloat64('1.5'), 0))");
  EXPECT_EQ(where(leaf(Kind::kEqual, property({"ok"}, "properties.ok"), {true})),
            "(ifNull(toString(`p_ok`) = 'true', 0))");
  EXPECT_EQ(where(leaf(Kind::kIn, property({"plan"}, "properties.plan"), {std::string("a"), std::int64_t{1}})),
            "((ifNull(`p_plan` = 'a', 0) OR ifNull(`p_plan` = '1', 0)))");
  EXPECT_EQ(where(leaf(Kind::kIn, property({"plan"}, "properties.plan"), {})), "(0)");
  EXPECT_EQ(where(leaf(Kind::kContains, base("event"), {std::string("%")})), "(ifNull(position(event, '%') > 0, 0))");
  EXPECT_EQ(where(leaf(Kind::kExists, property({"cart", "total"}, "properties.cart.total"), {})),
            "(`p_cart:total` IS NOT NULL)");
  EXPECT_EQ(where(leaf(Kind::kGreaterEqual, base("received"), {std::string("2024-01-01T00:00:00Z")})),
            "(received >= fromUnixTimestamp64Nano(toInt64('1704067200000000000'), 'UTC'))");
}

TEST(MetricSql, FiltersCombine) {
  Filter a = leaf(Filter::Kind::kEqual, base("event"), {std::string("a")});
  Filter b = leaf(Filter::Kind::kEqual, base("event"), {std::string("b")});
  Filter either{Filter::Kind::kOr, {a, b}, {}, {}};
  EXPECT_EQ(where({Filter::Kind::kAnd, {either, {Filter::Kind::kNot, {a}, {}, {}}}, {}, {}}),
            "(((event = 'a') OR (event = 'b')) AND (NOT (event = 'a')))");
  EXPECT_EQ(where({Filter::Kind::kAnd, {}, {}, {}}), "(1)");
  EXPECT_EQ(where({Filter::Kind::kOr, {}, {}, {}}), "(0)");
}

TEST(MetricSql, RowsOfOlderOwnersAreLeftOut) {
  QuerySchema schema = declared_schema();
  schema.owned_rows = "NOT (epoch < 2)";
  EXPECT_THAT(text_of(counting(), schema), HasSubstr(" AND (NOT (epoch < 2)) LIMIT"));
  EventsQuery events{"default", {}, 0, 1, 5};
  EXPECT_THAT(events_sql(events, schema).value(), HasSubstr(" AND (NOT (epoch < 2)) ORDER BY time DESC"));
}

TEST(MetricSql, NothingFromOutsideLeavesItsQuotes) {
  MetricQuery query = counting();
  query.project = "x' OR 1=1 --\\";
  query.by = {property({"a'); DROP TABLE events; --", "`\n\x01"}, "properties.odd")};
  query.where = leaf(Filter::Kind::kPrefix, base("event"), {std::string("\\' UNION ALL SELECT 1")});
  std::string text = text_of(query);
  EXPECT_THAT(text, HasSubstr(R"(project = 'x\' OR 1=1 --\\')"));
  EXPECT_THAT(text,
              HasSubstr(R"(JSONExtract(properties, 'a\'); DROP TABLE events; --', '`\x0a\x01', 'Nullable(String)'))"));
  EXPECT_THAT(text, HasSubstr(R"(startsWith(event, '\\\' UNION ALL SELECT 1'))"));
}

TEST(MetricSql, WrongQueriesSayWhatIsWrong) {
  auto message = [](auto change) {
    MetricQuery query = counting();
    change(query);
    auto sql = metric_sql(query, declared_schema());
    return sql.ok() ? std::string("ok") : sql.error().message;
  };
  EXPECT_THAT(message([](MetricQuery& q) { q.measures.clear(); }), HasSubstr("at least one measure"));
  EXPECT_THAT(message([](MetricQuery& q) { q.time_zone = "UTC') --"; }), HasSubstr("IANA"));
  EXPECT_THAT(message([](MetricQuery& q) { q.by = {base("password")}; }), HasSubstr("no field 'password'"));
  EXPECT_THAT(message([](MetricQuery& q) { q.by = {property({}, "properties.")}; }), HasSubstr("needs a name"));
  EXPECT_THAT(message([](MetricQuery& q) {
                q.order = {{"sum", false}};
                q.by = {base("event")};
              }),
              HasSubstr("no column"));
  EXPECT_THAT(message([](MetricQuery& q) {
                q.measures = {{Measure::Kind::kSum, base("user_id"), 0, "sum(user_id)"}};
              }),
              HasSubstr("numeric"));
  EXPECT_THAT(message([](MetricQuery& q) {
                q.measures = {{Measure::Kind::kMean, base("time"), 0, "mean(time)"}};
              }),
              HasSubstr("numeric"));
  EXPECT_THAT(message([](MetricQuery& q) {
                q.measures = {{Measure::Kind::kQuantile, property({"n"}, "properties.n"), 1.5, "q"}};
              }),
              HasSubstr("between 0 and 1"));
  EXPECT_THAT(message([](MetricQuery& q) { q.where = leaf(Filter::Kind::kLess, base("time"), {std::string("soon")}); }),
              HasSubstr("RFC 3339"));
  EXPECT_THAT(message([](MetricQuery& q) { q.where = leaf(Filter::Kind::kLess, base("event"), {1.0}); }),
              HasSubstr("string"));
  EXPECT_THAT(message([](MetricQuery& q) { q.limit = 0; }), HasSubstr("limit"));
}

}  // namespace
}  // namespace millrace::clickhouse
