#include "query/metric_query_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_format.h"
#include "query/fakes_for_test.h"
#include "query/query_flags.h"
#include "query/query_text_for_test.h"

namespace millrace {
namespace {

class MetricQueryJsonTest : public testing::Test {
 protected:
  QueryContext context() {
    return {"shop", parse_rfc3339("2026-03-18T15:30:00Z").value(), &store_, QueryBudget{10'000, 1 << 20, 0}};
  }
  // The query as a line, or why it was refused.
  std::string read(const std::string& json) {
    Result<QueryRequest> request = parse_metric_query(json, context());
    return request.ok() ? text_of(request->query) : request.error().message;
  }
  std::string where(const std::string& filter) {
    Result<QueryRequest> request = parse_metric_query(R"({"range":"7d","where":)" + filter + "}", context());
    return request.ok() ? text_of(*request->query.where) : request.error().message;
  }
  // A query of a week with these members, refused.
  std::string refused(const std::string& members) {
    Result<QueryRequest> request =
        parse_metric_query(R"({"range":["2026-03-01","2026-03-08"],)" + members + "}", context());
    return request.ok() ? "taken" : request.error().message;
  }

  FakeStore store_;
};

TEST_F(MetricQueryJsonTest, TheWholeVocabulary) {
  EXPECT_EQ(read(R"json({"measures": ["count", "uniq(user_id)", "quantile(0.95, properties.added)"],
                     "by": ["properties.extension"],
                     "where": ["and", ["=", "event", "file_changed"], [">=", "properties.added", 10]],
                     "range": ["2012-01-01", "2013-01-01"], "every": "month", "time_zone": "UTC",
                     "order": ["-count"], "limit": 20, "compare": "previous"})json"),
            "project shop; measures count[count  0] uniq(user_id)[uniq user_id 0] "
            "quantile(0.95, properties.added)[quantile property/added 0.95]; by property/extension; "
            "where (and (= event 'file_changed') (>= property/added int 10)); "
            "range 2012-01-01T00:00:00Z 2013-01-01T00:00:00Z; every 8; zone UTC; "
            "order -count time properties.extension; limit 20");
}

TEST_F(MetricQueryJsonTest, ARangeIsEnough) {
  EXPECT_EQ(
      read(R"({"range": "24h"})"),
      "project shop; measures count[count  0]; by; where -; range 2026-03-17T15:30:00Z 2026-03-18T15:30:00Z; every 0; "
      "zone UTC; order; limit 1000");
}

TEST_F(MetricQueryJsonTest, RowsComeInOneOrderEachTime) {
  auto order = [&](const std::string& members) {
    std::string begin = R"json({"range":["2026-03-01","2026-03-08"],"measures":["count","sum(properties.a)"],)json";
    std::string text = read(begin + members + "}");
    std::size_t at = text.find("; order") + 7;
    return text.substr(at, text.find("; limit") - at);
  };
  EXPECT_EQ(order(R"("by":["event","user_id"])"), " -count event user_id");
  EXPECT_EQ(order(R"("every":"day")"), " time");
  EXPECT_EQ(order(R"("every":"day","by":["event"])"), " time -count event");
  EXPECT_EQ(order(R"("every":"day","by":["event"],"order":["-time"])"), " -time -count event");
  EXPECT_EQ(order(R"json("every":"day","order":["sum( properties.a)"])json"), " sum(properties.a) time");
  EXPECT_EQ(order(R"("by":["event"],"order":["event","-count"])"), " event -count");
}

TEST_F(MetricQueryJsonTest, FiltersOfEveryKind) {
  EXPECT_EQ(where(R"(["=", "event", "a"])"), "(= event 'a')");
  EXPECT_EQ(where(R"(["!=", "properties.ok", true])"), "(!= property/ok true)");
  EXPECT_EQ(where(R"(["<", "properties.a", 1.5])"), "(< property/a double 1.5)");
  EXPECT_EQ(where(R"(["<=", "properties.a", -3])"), "(<= property/a int -3)");
  EXPECT_EQ(where(R"([">", "properties.a", 9223372036854775807])"), "(> property/a int 9223372036854775807)");
  EXPECT_EQ(where(R"(["in", "properties.a", [1, "x", false]])"), "(in property/a int 1 'x' false)");
  EXPECT_EQ(where(R"(["contains", "user_id", "x"])"), "(contains user_id 'x')");
  EXPECT_EQ(where(R"(["prefix", "context.page", "/a"])"), "(prefix context/page '/a')");
  EXPECT_EQ(where(R"(["exists", "properties.a"])"), "(exists property/a)");
  EXPECT_EQ(where(R"(["or", ["exists", "user_id"], ["not", ["=", "event", "a"]]])"),
            "(or (exists user_id) (not (= event 'a')))");
}

TEST_F(MetricQueryJsonTest, NullStandsForEventsThatLackTheField) {
  EXPECT_EQ(where(R"(["=", "properties.a", null])"), "(not (exists property/a))");
  EXPECT_EQ(where(R"(["!=", "properties.a", null])"), "(exists property/a)");
  EXPECT_EQ(where(R"(["in", "properties.a", [1, null]])"), "(or (in property/a int 1) (not (exists property/a)))");
  EXPECT_EQ(where(R"(["in", "properties.a", [null]])"), "(not (exists property/a))");
}

TEST_F(MetricQueryJsonTest, LiteralsOfTimesAreTimes) {
  EXPECT_EQ(where(R"([">=", "time", "2026-03-01"])"), "(>= time '2026-03-01T00:00:00Z')");
  EXPECT_EQ(where(R"(["<", "received", 1331273769000])"), "(< received '2012-03-09T06:16:09Z')");
  EXPECT_THAT(where(R"(["<", "time", "soon"])"), testing::StartsWith("where[2]: \"soon\" is not a time; us"));
}

TEST_F(MetricQueryJsonTest, WrongFiltersAreNamedByTheirPath) {
  EXPECT_THAT(where(R"(["and", ["=", "event", "a"], ["=", "foo", 1]])"),
              testing::StartsWith("where[2][1]: unknown field \"foo\"; use event, u"));
  EXPECT_EQ(where(R"(["==", "event", "a"])"),
            "where[0]: unknown operator \"==\"; use and, or, not, =, !=, <, <=, >, >=, in, contains, prefix or "
            "exists; did you "
            "mean \"!=\"?");
  EXPECT_EQ(where(R"({"event": "a"})"),
            "where: a filter is an array that begins with its operator: [\"=\", \"event\", \"signup\"]");
  EXPECT_THAT(where(R"([])"), testing::StartsWith("where:"));
  EXPECT_EQ(where(R"(["and"])"), "where: takes at least one filter");
  EXPECT_EQ(where(R"(["not", ["exists","event"], ["exists","event"]])"), "where: `not` takes one filter");
  EXPECT_EQ(where(R"(["or", ["=", "event"]])"), "where[1]: `=` takes a field and what it is compared with");
  EXPECT_EQ(where(R"(["exists", "event", 1])"), "where: `exists` takes a field");
  EXPECT_EQ(where(R"(["=", 5, 1])"), "where[1]: a field is a text, such as \"event\" or \"properties.price\"");
  EXPECT_EQ(where(R"(["=", "user_id", 1])"), "where[2]: user_id is text: put quotes around the value");
  EXPECT_EQ(where(R"(["=", "properties.a", [1]])"), "where[2]: must be a text, a number, true or false");
  EXPECT_EQ(where(R"(["<", "properties.a", true])"), "where[2]: must be a number or a text");
  EXPECT_EQ(where(R"(["<", "properties.a", null])"), "where[2]: must be a number or a text");
  EXPECT_EQ(where(R"(["contains", "event", 1])"), "where[2]: must be a text");
  EXPECT_EQ(where(R"(["prefix", "time", "2026"])"), "where: `prefix` compares text; time is a time");
  EXPECT_EQ(where(R"(["in", "event", "a"])"), "where[2]: `in` takes an array of 1 to 1000 values");
  EXPECT_EQ(where(R"(["in", "event", ["a", 5]])"), "where[2][1]: event is text: put quotes around the value");
}

TEST_F(MetricQueryJsonTest, WrongMembersAreNamed) {
  EXPECT_EQ(refused(R"("mesures":["count"])"),
            "unknown member \"mesures\"; use measures, by, where, range, every, time_zone, order, limit, compare, "
            "min_position, "
            "max_time_ms, max_memory_bytes or max_rows_read; did you mean \"measures\"?");
  EXPECT_EQ(refused(R"("measures":[])"), "measures: is empty; use [\"count\"]");
  EXPECT_EQ(refused(R"("measures":"count")"), "measures: must be an array of texts");
  EXPECT_EQ(refused(R"("measures":["count",5])"), "measures[1]: must be a text");
  EXPECT_EQ(refused(R"("measures":["count","count"])"), "measures[1]: \"count\" is there twice");
  EXPECT_EQ(refused(R"json("measures":["avg(properties.a)"])json"),
            "measures[0]: unknown measure \"avg\"; use mean(…)");
  EXPECT_EQ(refused(R"("by":["time"])"), "by[0]: a time is no dimension; break down by time with `every`");
  EXPECT_THAT(refused(R"("every":"fortnight")"), testing::StartsWith("every: unknown length \"fortnight\"; use sec"));
  EXPECT_EQ(refused(R"("every":5)"), "every: must be a text");
  EXPECT_EQ(refused(R"("time_zone":"Mars/Base")"),
            "time_zone: unknown time zone \"Mars/Base\"; use a name such as Europe/Berlin");
  EXPECT_EQ(refused(R"("order":["-cuont"])"), "order[0]: unknown column \"cuont\"; use count; did you mean \"count\"?");
  EXPECT_THAT(refused(R"("order":["time"])"), testing::StartsWith("order[0]: unknown column \"time\"; "));
  EXPECT_EQ(refused(R"("compare":"last")"), "compare: unknown comparison \"last\"; use previous");
  EXPECT_THAT(refused(R"("min_position":"here")"), testing::StartsWith("min_position:"));
  EXPECT_EQ(refused(R"("where":null)"), "where: is null; leave it out");
  EXPECT_THAT(read(R"({"measures":["count"]})"), testing::StartsWith("range: missing;"));
  EXPECT_THAT(read("[]"), testing::StartsWith("a query is a JSON objec"));
  EXPECT_THAT(read("{"), testing::StartsWith("not JSON:"));
}

std::string list(std::size_t count, const std::function<std::string(std::size_t)>& item) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += (i == 0 ? "" : ",") + item(i);
  }
  return text;
}

TEST_F(MetricQueryJsonTest, EveryBoundIsHeldAndItsEdgeIsTaken) {
  auto measures = [](std::size_t i) { return "\"sum(properties.p" + std::to_string(i) + ")\""; };
  EXPECT_EQ(refused("\"measures\":[" + list(10, measures) + "]"), "taken");
  EXPECT_EQ(refused("\"measures\":[" + list(11, measures) + "]"), "measures: has 11 entries, at most 10 are allowed");
  auto fields = [](std::size_t i) { return "\"properties.p" + std::to_string(i) + "\""; };
  EXPECT_EQ(refused("\"by\":[" + list(3, fields) + "]"), "taken");
  EXPECT_EQ(refused("\"by\":[" + list(4, fields) + "]"), "by: has 4 entries, at most 3 are allowed");
  auto conditions = [](std::size_t) { return std::string(R"(["exists","event"])"); };
  EXPECT_EQ(refused("\"where\":[\"or\"," + list(99, conditions) + "]"), "taken");
  EXPECT_EQ(refused("\"where\":[\"or\"," + list(100, conditions) + "]"),
            "where[100]: more than 100 conditions; use `in` for many values");
  auto values = [](std::size_t i) { return std::to_string(i); };
  EXPECT_EQ(refused("\"where\":[\"in\",\"properties.a\",[" + list(1000, values) + "]]"), "taken");
  EXPECT_EQ(refused("\"where\":[\"in\",\"properties.a\",[" + list(1001, values) + "]]"),
            "where[2]: `in` takes an array of 1 to 1000 values");
  auto nested = [](int depth) {
    std::string text = R"(["exists","event"])";
    for (int i = 1; i < depth; ++i) {
      text = "[\"not\"," + text + "]";
    }
    return "\"where\":" + text;
  };
  EXPECT_EQ(refused(nested(10)), "taken");
  EXPECT_NE(refused(nested(11)).find("nested deeper than 10"), std::string::npos);
  EXPECT_EQ(refused("\"limit\":10000"), "taken");
  for (const char* limit : {"0", "-1", "10001", "1.5", "\"5\""}) {
    EXPECT_EQ(refused(std::string("\"limit\":") + limit), "limit: must be a whole number from 1 to 10000") << limit;
  }
}

TEST_F(MetricQueryJsonTest, TooManyBucketsAreRefusedWithALargerOneThatFits) {
  auto every = [&](const std::string& to, const std::string& word) {
    return read(R"({"range":["2026-03-01T00:00:00Z",")" + to + R"("],"every":")" + word + "\"}");
  };
  EXPECT_THAT(every("2026-03-01T02:46:40Z", "second"), testing::StartsWith("project"));  // 10,000
  EXPECT_THAT(every("2026-03-01T02:46:42Z", "second"), testing::StartsWith("every: "));
  EXPECT_EQ(every("2026-03-08T00:00:00Z", "second"),
            "every: 604800 buckets of a second, at most 10000 are allowed; use \"5_minutes\" or a shorter range");
  EXPECT_EQ(every("2200-01-01T00:00:00Z", "day"),
            "every: 63493 buckets of a day, at most 10000 are allowed; use \"week\" or a shorter range");
  EXPECT_THAT(read(R"({"range":"all","every":"month"})"), testing::StartsWith("every: \"all\" has no begin; give"));
}

TEST_F(MetricQueryJsonTest, BudgetsStayWithinTheServers) {
  Result<QueryRequest> request =
      parse_metric_query(R"({"range":"7d","max_time_ms":50,"max_memory_bytes":1000,"max_rows_read":7})", context());
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->budget.time_ms, 50);
  EXPECT_EQ(request->budget.memory_bytes, 1000);
  EXPECT_EQ(request->budget.rows_read, 7);
  EXPECT_EQ(refused(R"("max_time_ms":10001)"), "max_time_ms: must be a whole number from 1 to 10000");
  EXPECT_EQ(parse_metric_query(R"({"range":"7d"})", context())->budget.time_ms, 10'000);
}

TEST_F(MetricQueryJsonTest, PreviousIsTheSameQueryOfThePeriodBefore) {
  Result<QueryRequest> request = parse_metric_query(
      R"({"range":["2026-03-01","2026-04-01"],"by":["event"],"limit":5,"compare":"previous"})", context());
  ASSERT_TRUE(request.ok() && request->previous);
  EXPECT_EQ(text_of(*request->previous),
            "project shop; measures count[count  0]; by event; where -; range 2026-02-01T00:00:00Z "
            "2026-03-01T00:00:00Z; every "
            "0; zone UTC; order -count event; limit 10000");
}

TEST_F(MetricQueryJsonTest, APlainSeriesIsAsLongAsItsBuckets) {
  EXPECT_EQ(parse_metric_query(R"({"range":["2026-03-01","2026-03-05"],"every":"minute"})", context())->query.limit,
            5762u);
  EXPECT_EQ(parse_metric_query(R"({"range":["2026-03-01","2026-03-05"],"every":"day"})", context())->query.limit,
            1000u);
  EXPECT_EQ(
      parse_metric_query(R"({"range":["2026-03-01","2026-03-05"],"every":"day","limit":2})", context())->query.limit,
      2u);
}

TEST_F(MetricQueryJsonTest, EqualQuestionsHaveEqualKeys) {
  auto key = [&](const std::string& json, const std::string& project = "shop") {
    QueryContext asked = context();
    asked.project = project;
    return parse_metric_query(json, asked)->key;
  };
  EXPECT_EQ(key(R"({"range":"24h"})"), key(R"({ "range": ["2026-03-17T15:30:00Z","now"], "min_position":"1/0:5" })"));
  EXPECT_NE(key(R"({"range":"24h"})"), key(R"({"range":"25h"})"));
  EXPECT_NE(key(R"({"range":"24h"})"), key(R"({"range":"24h","limit":5})"));
  EXPECT_NE(key(R"({"range":"24h"})"), key(R"({"range":"24h"})", "other"));
}

TEST_F(MetricQueryJsonTest, EventsAreOfAllTimeUnlessSaidOtherwise) {
  Result<EventsRequest> request = parse_events_query(R"({"where":["=","event","a"],"limit":7})", context());
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->query.project, "shop");
  EXPECT_EQ(format_rfc3339(request->query.from), "1900-01-01T00:00:00Z");
  EXPECT_EQ(text_of(*request->query.where), "(= event 'a')");
  EXPECT_EQ(request->query.limit, 7u);
  EXPECT_EQ(parse_events_query(R"({"limit":1001})", context()).error().message,
            "limit: must be a whole number from 1 to 1000");
  EXPECT_THAT(parse_events_query(R"({"every":"day"})", context()).error().message,
              testing::StartsWith("unknown member \"every\""));
}

// ---- the other two ways in ----

class FrontEndsTest : public MetricQueryJsonTest {
 protected:
  std::string by_url(const UrlParameters& parameters) {
    Result<std::string> json = query_from_url(parameters);
    return json.ok() ? read(*json) : json.error().message;
  }
  std::string by_flags(const QueryFlags& flags) {
    Result<std::string> json = query_json_from_flags(flags);
    return json.ok() ? read(*json) : json.error().message;
  }
  std::string condition(const std::string& text) { return by_url({{"range", "7d"}, {"where", text}}); }
  std::string where_of(const std::string& text) {
    std::string query = condition(text);
    std::size_t begin = query.find("; where ");
    return begin == std::string::npos ? query : query.substr(begin + 8, query.find("; range") - begin - 8);
  }
};

TEST_F(FrontEndsTest, AllThreeGiveTheSameQuery) {
  std::string json = read(R"json({"measures": ["count", "uniq(user_id)", "quantile(0.95, properties.added)"],
                              "by": ["properties.extension", "event"],
                              "where": ["and", ["=", "event", "file_changed"], [">=", "properties.added", 10]],
                              "range": ["2012-01-01", "2013-01-01"], "every": "month", "time_zone": "Europe/Test",
                              "order": ["-count", "time"], "limit": 20, "compare": "previous", "max_time_ms": 100})json");
  ASSERT_EQ(json.substr(0, 12), "project shop");
  EXPECT_EQ(json, by_url({{"measures", "count,uniq(user_id),quantile(0.95, properties.added)"},
                          {"by", "properties.extension,event"},
                          {"where", "event=file_changed"},
                          {"where", R"([">=", "properties.added", 10])"},
                          {"range", "2012-01-01,2013-01-01"},
                          {"every", "month"},
                          {"time_zone", "Europe/Test"},
                          {"order", "-count,time"},
                          {"limit", "20"},
                          {"compare", "previous"},
                          {"max_time_ms", "100"}}));
  QueryFlags flags;
  flags.measures = {"count", "uniq(user_id)", "quantile(0.95, properties.added)"};
  flags.by = {"properties.extension", "event"};
  flags.where = {"event = file_changed", "properties.added >= 10"};
  flags.from = "2012-01-01";
  flags.to = "2013-01-01";
  flags.every = "month";
  flags.time_zone = "Europe/Test";
  flags.order = {"-count", "time"};
  flags.limit = "20";
  flags.compare = "previous";
  flags.max_time_ms = "100";
  EXPECT_EQ(json, by_flags(flags));
}

TEST_F(FrontEndsTest, RangesByTheirEndsByOneWordAndByNumbers) {
  EXPECT_EQ(by_url({{"range", "24h"}}), read(R"({"range":"24h"})"));
  EXPECT_EQ(by_url({{"range", "1331273769,1331273770"}}), read(R"({"range":[1331273769,1331273770]})"));
  EXPECT_EQ(by_url({{"from", "2026-03-01"}}), read(R"({"range":["2026-03-01","now"]})"));
  EXPECT_EQ(by_url({{"to", "2026-03-01"}}), "from: missing; `to` needs it");
  EXPECT_EQ(by_url({{"range", "7d"}, {"from", "2026-03-01"}}), "range: give either range, or from and to");
}

TEST_F(FrontEndsTest, ConditionsAsTheyAreTyped) {
  EXPECT_EQ(where_of("event=signup"), "(= event 'signup')");
  EXPECT_EQ(where_of("  event   =   signed up  "), "(= event 'signed up')");
  EXPECT_EQ(where_of("properties.n!=10"), "(!= property/n int 10)");
  EXPECT_EQ(where_of("properties.n < 1.5"), "(< property/n double 1.5)");
  EXPECT_EQ(where_of("properties.n<=-1"), "(<= property/n int -1)");
  EXPECT_EQ(where_of("properties.n > 1"), "(> property/n int 1)");
  EXPECT_EQ(where_of("properties.n >= \"10\""), "(>= property/n '10')");
  EXPECT_EQ(where_of("properties.ok = true"), "(= property/ok true)");
  EXPECT_EQ(where_of("properties.ok = null"), "(not (exists property/ok))");
  EXPECT_EQ(where_of("user_id = 123"), "(= user_id '123')");
  EXPECT_EQ(where_of("user_id = null"), "(not (exists user_id))");
  EXPECT_EQ(where_of("event in a, b,\"c,d\""), "(in event 'a' 'b' 'c,d')");
  EXPECT_EQ(where_of("event in a,,b"), "where: the value is missing; the empty text is written \"\"");
  EXPECT_EQ(where_of("event in a, b"), "(in event 'a' 'b')");
  EXPECT_EQ(where_of("event in [\"a,b\",\"c\"]"), "(in event 'a,b' 'c')");
  EXPECT_EQ(where_of("properties.n in 1,x"), "(in property/n int 1 'x')");
  EXPECT_EQ(where_of("event contains =x"), "(contains event '=x')");
  EXPECT_EQ(where_of("properties.path prefix /a b"), "(prefix property/path '/a b')");
  EXPECT_EQ(where_of("user_id exists"), "(exists user_id)");
  EXPECT_EQ(where_of("not user_id exists"), "(not (exists user_id))");
  EXPECT_EQ(where_of("properties.\"a = b\" = 1"), "(= property/a = b int 1)");
  EXPECT_EQ(where_of("time >= 2026-03-01"), "(>= time '2026-03-01T00:00:00Z')");
  EXPECT_EQ(where_of(R"(["or",["exists","user_id"],["exists","session_id"]])"),
            "(or (exists user_id) (exists session_id))");
}

TEST_F(FrontEndsTest, WrongConditionsAreExplained) {
  EXPECT_EQ(where_of("event == a"), "where: unknown operator \"==\"; use =, !=, <, <=, > or >=");
  EXPECT_THAT(where_of("event contians a"),
              testing::StartsWith("where: unknown operator \"contians\"; did you mean \"contains\"?; a co"));
  EXPECT_THAT(where_of("event"), testing::StartsWith("where: a condition is `field operator val"));
  EXPECT_THAT(where_of("= a"), testing::StartsWith("where: a condition is `field operator val"));
  EXPECT_EQ(where_of("event ="), "where: the value is missing; the empty text is written \"\"");
  EXPECT_EQ(where_of("event exists a"), "where: `exists` takes no value");
  EXPECT_THAT(where_of("event = a and user_id = b"), testing::StartsWith("where: give one condition at a time (s"));
  EXPECT_THAT(where_of("[\"=\","), testing::StartsWith("where: not JSON:"));
  EXPECT_THAT(where_of("evnt = a"), testing::StartsWith("where[1]: unknown field \"evnt\""));
  EXPECT_THAT(by_url({{"range", "7d"}, {"where", "event = a"}, {"where", "x"}}), testing::StartsWith("where[2]: a"));
}

TEST_F(FrontEndsTest, ParametersAreCheckedByName) {
  EXPECT_THAT(by_url({{"rang", "7d"}}), testing::StartsWith("unknown parameter \"rang\"; use measur"));
  EXPECT_NE(by_url({{"rang", "7d"}}).find("did you mean \"range\"?"), std::string::npos);
  EXPECT_EQ(by_url({{"range", "7d"}, {"range", "8d"}}), "range: is there twice");
  EXPECT_EQ(by_url({{"range", ""}}), "range: is empty; leave it out");
  EXPECT_EQ(by_url({{"range", "7d"}, {"limit", "many"}}), "limit: \"many\" is not a whole number");
  EXPECT_THAT(by_url({{"range", "7d"}, {"measures", "count,"}}),
              testing::StartsWith("measures[1]: unknown measure \"\""));
  EXPECT_THAT(events_query_from_url({{"measures", "count"}}).error().message,
              testing::StartsWith("unknown parameter \"measures\""));
}

}  // namespace
}  // namespace millrace
