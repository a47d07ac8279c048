// The store over the real engine, as the program runs it: a supervised child, its socket, its restart and its flush.
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "engine/supervisor.h"
#include "store/clickhouse/clickhouse_store.h"
#include "store/clickhouse/schema.h"
#include "store/clickhouse/store_copy.h"
#include "store/store_contract.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

std::string libchdb_path() {
  if (const char* path = getenv("MILLRACE_LIBCHDB")) return path;
  const char* home = getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.cache/millrace/chdb-26.7.3-stable.1/libchdb.so";
}

// One engine for all tests of this program: it takes a second to start. Every store has a database of its own in it.
class Engine {
 public:
  Engine() {
    std::string pattern = testing::TempDir() + "store-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    engine::SupervisorOptions options;
    options.program = {ENGINE_CHILD};
    options.data_folder = folder_ + "/engine";
    options.libchdb = libchdb_path();
    auto started = engine::Supervisor::start(std::move(options), metrics_);
    EXPECT_TRUE(started.ok()) << started.error().message;
    if (started.ok()) supervisor_ = std::move(*started);
  }
  ~Engine() {
    supervisor_.reset();
    std::filesystem::remove_all(folder_);
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  engine::Supervisor& supervisor() { return *supervisor_; }
  Metrics& metrics() { return metrics_; }
  ClickHouseOptions options(const std::string& database) {
    ClickHouseOptions options;
    options.url = "unix:" + supervisor_->socket_path();
    options.user = supervisor_->user();
    options.password = supervisor_->secret();
    options.database = database;
    options.generation = kContractGeneration;
    options.restart_engine = [this] { return supervisor_->restart(); };
    options.flush_disk = [this] { return supervisor_->flush(); };
    return options;
  }
  std::string new_database() { return "test" + std::to_string(++databases_); }
  // The answer's text, without the line end.
  std::string ask(const std::string& sql) {
    clickhouse::Address address{"unix:" + supervisor_->socket_path(), "", supervisor_->user(), supervisor_->secret()};
    auto connection = clickhouse::Connection::create(address);
    auto reply = (*connection)->run(sql, {}, "", clickhouse::Purpose::kQuery, 60'000);
    if (!reply.ok()) return reply.error().message;
    std::string text = reply->body;
    if (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

 private:
  std::string folder_;
  Metrics metrics_;
  std::unique_ptr<engine::Supervisor> supervisor_;
  int databases_ = 0;
};

std::unique_ptr<Engine> the_engine;

class EngineEnvironment final : public testing::Environment {
 public:
  void TearDown() override { the_engine.reset(); }
};
[[maybe_unused]] testing::Environment* const kEnvironment = testing::AddGlobalTestEnvironment(new EngineEnvironment);

Engine& engine() {
  if (!the_engine) the_engine = std::make_unique<Engine>();
  return *the_engine;
}

std::unique_ptr<ClickHouseStore> open_store(ClickHouseOptions options) {
  auto store = ClickHouseStore::open(std::move(options), engine().metrics());
  EXPECT_TRUE(store.ok()) << store.error().message;
  return store.ok() ? std::move(*store) : nullptr;
}

class EmbeddedHarness final : public StoreHarness {
 public:
  EmbeddedHarness() : database_(engine().new_database()), store_(open_store(engine().options(database_))) {
    engine().ask("ALTER TABLE " + database_ + ".events ADD CONSTRAINT storable CHECK event != 'unstorable'");
  }
  StoreWriter& writer() override { return *store_; }
  StoreReader& reader() override { return *store_; }
  SharedState& state() override { return *store_; }
  std::string unstorable_event() override { return "unstorable"; }

 private:
  std::string database_;
  std::unique_ptr<ClickHouseStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Embedded, StoreContract,
                         testing::Values(StoreFactory([] { return std::make_unique<EmbeddedHarness>(); })));

// Rows with the properties that the tests of queries ask about.
class EmbeddedStore : public testing::Test {
 protected:
  void SetUp() override {
    database_ = engine().new_database();
    store_ = open_store(options());
    ASSERT_NE(store_, nullptr);
    ASSERT_TRUE(store_->take_over({kPartition, Epoch(1), SequenceNumber(0)}).ok());
  }
  ClickHouseOptions options(std::vector<DeclaredProperty> declared = {}) {
    ClickHouseOptions options = engine().options(database_);
    options.declared = std::move(declared);
    return options;
  }
  void add(const std::string& event, const std::string& user, TimeNs time, const std::string& properties) {
    EventView view;
    view.project = "default";
    view.event = event;
    view.user_id = user;
    view.time = time;
    view.received = kContractStart;
    view.properties = properties;
    batch_.generation = kContractGeneration;
    batch_.partition = kPartition;
    batch_.epoch = Epoch(1);
    batch_.append(view, SequenceNumber(next_++));
  }
  void store() {
    Result<void> inserted = store_->insert(batch_, 0, batch_.rows());
    ASSERT_TRUE(inserted.ok()) << inserted.error().message;
    batch_.clear();
  }
  static FieldRef property(const std::string& name) {
    return {FieldRef::Kind::kProperty, "", clickhouse_path(name), "properties." + name};
  }
  static FieldRef base(const std::string& name) { return {FieldRef::Kind::kBase, name, {}, name}; }
  static std::vector<std::string> clickhouse_path(const std::string& name) {
    std::size_t dot = name.find('.');
    if (dot == std::string::npos) return {name};
    return {name.substr(0, dot), name.substr(dot + 1)};
  }
  static MetricQuery ask(std::vector<Measure> measures, std::vector<FieldRef> by = {}) {
    MetricQuery query;
    query.project = "default";
    query.measures = std::move(measures);
    query.by = std::move(by);
    query.from = kContractStart - 400 * kDay;
    query.to = kContractStart + 400 * kDay;
    return query;
  }
  static Measure count() { return {Measure::Kind::kCount, {}, 0, "count"}; }
  static Filter filter(Filter::Kind kind, const FieldRef& field, std::vector<Literal> literals) {
    return {kind, {}, field, std::move(literals)};
  }
  // The columns' values, one after the other, or the error.
  std::string answer(const MetricQuery& query) {
    auto answer = store_->query(query, {});
    if (!answer.ok()) return answer.error().message;
    std::string text;
    for (const AnswerColumn& column : answer->columns) text += column.values_json;
    return text + (answer->cut.empty() ? "" : " cut by " + answer->cut);
  }
  std::string count_where(const Filter& where) {
    MetricQuery query = ask({count()});
    query.where = where;
    return answer(query);
  }

  static constexpr PartitionId kPartition{0};
  static constexpr TimeNs kDay = 86'400 * kSecond;
  std::string database_;
  std::unique_ptr<ClickHouseStore> store_;
  EventBatch batch_;
  std::uint64_t next_ = 0;
};

TEST_F(EmbeddedStore, PropertiesAnswerByTheirKindDeclaredOrNot) {
  for (bool declared : {false, true}) {
    SCOPED_TRACE(declared ? "declared" : "not declared");
    using Type = DeclaredProperty::Type;
    std::vector<DeclaredProperty> list = {
        {"n", Type::kInteger}, {"s", Type::kString}, {"b", Type::kBoolean}, {"cart.total", Type::kNumber}};
    if (declared) store_ = open_store(options(list));
    if (!declared) {
      add("e", "u1", kContractStart, R"({"n":1,"s":"x","b":true,"cart":{"total":1.5}})");
      add("e", "u2", kContractStart, R"({"n":2,"s":"a\"b/c","b":false,"cart":{"total":-3}})");
      add("e", "", kContractStart, R"({"n":"3","s":null,"b":"true"})");
      add("e", "u2", kContractStart, R"({"n":9007199254740993})");
      store();
    }
    MetricQuery numbers = ask({{Measure::Kind::kSum, property("cart.total"), 0, "sum"},
                               {Measure::Kind::kMin, property("cart.total"), 0, "min"},
                               {Measure::Kind::kMax, property("cart.total"), 0, "max"},
                               {Measure::Kind::kMean, property("cart.total"), 0, "mean"},
                               {Measure::Kind::kQuantile, property("cart.total"), 0.5, "median"},
                               {Measure::Kind::kUniq, base("user_id"), 0, "users"},
                               {Measure::Kind::kUniq, property("s"), 0, "uniq"}});
    EXPECT_EQ(answer(numbers), "[-1.5][-3][1.5][-0.75][-0.75][2][2]");
    MetricQuery by = ask({count()}, {property("s"), property("b")});
    by.order = {{"properties.s", false}};
    EXPECT_EQ(answer(by), declared
                              ? R"(["a\"b/c","x",null]["false","true",null][1,1,2])"  // the text "true" is no boolean
                              : R"(["a\"b/c","x",null,null]["false","true","true",null][1,1,1,1])");
    EXPECT_EQ(count_where(filter(Filter::Kind::kGreaterEqual, property("n"), {std::int64_t{2}})), "[2]");
    EXPECT_EQ(count_where(filter(Filter::Kind::kEqual, property("s"), {std::string("x")})), "[1]");
    EXPECT_EQ(count_where(filter(Filter::Kind::kNotEqual, property("s"), {std::string("x")})), "[3]");
    EXPECT_EQ(count_where(filter(Filter::Kind::kIn, property("n"), {std::int64_t{1}, std::int64_t{2}})), "[2]");
    EXPECT_EQ(count_where(filter(Filter::Kind::kContains, property("s"), {std::string("\"b/")})), "[1]");
    EXPECT_EQ(count_where(filter(Filter::Kind::kPrefix, property("s"), {std::string("a\"")})), "[1]");
    EXPECT_EQ(count_where(filter(Filter::Kind::kExists, property("s"), {})), "[2]");
    EXPECT_EQ(count_where(filter(Filter::Kind::kExists, base("user_id"), {})), "[3]");
    EXPECT_EQ(count_where(filter(Filter::Kind::kEqual, property("b"), {false})), "[1]");
  }
}

TEST_F(EmbeddedStore, DeclaredColumnIsTheSameFilledByTheInsertOrFromTheText) {
  const std::vector<std::string> texts = {R"({})",
                                          R"({"n":1})",
                                          R"({"n":-9223372036854775808})",
                                          R"({"n":9223372036854775807})",
                                          R"({"n":9223372036854775808})",
                                          R"({"n":5.0})",
                                          R"({"n":5.5})",
                                          R"({"n":1e3})",
                                          R"({"n":"7"})",
                                          R"({"n":true})",
                                          R"({"n":null})",
                                          R"({"n":[1]})",
                                          R"({"m":1,"n":{"a":2}})",
                                          R"({"n":{"n":3}})",
                                          R"({"n":"tab\tquote\"slash/ü"})",
                                          R"({"n":""})",
                                          R"({"n":false})",
                                          R"({"n":0.1})"};
  for (const std::string& text : texts) add("old", "u", kContractStart, text);
  store();
  using Type = DeclaredProperty::Type;
  for (Type type : {Type::kInteger, Type::kNumber, Type::kString, Type::kBoolean}) {
    SCOPED_TRACE(static_cast<int>(type));
    std::string database = database_;
    engine().ask("ALTER TABLE " + database + ".events DROP COLUMN IF EXISTS p_n");
    engine().ask("ALTER TABLE " + database + ".events DELETE WHERE event = 'new' SETTINGS mutations_sync = 1");
    store_ = open_store(options({{"n", type}}));
    for (const std::string& text : texts) add("new", "u", kContractStart, text);
    store();
    std::string values =
        "SELECT groupArray(p_n) FROM (SELECT tuple(p_n) AS p_n FROM " + database + ".events WHERE event = '";
    std::string old_values = engine().ask(values + "old' ORDER BY sequence)");
    EXPECT_EQ(old_values, engine().ask(values + "new' ORDER BY sequence)"));
    EXPECT_THAT(old_values, HasSubstr("NULL"));
  }
}

const char* const kOddTexts[] = {R"({})",
                                 R"({"n":1})",
                                 R"({"n":9007199254740993})",
                                 R"({"n":5.0})",
                                 R"({"n":0.1})",
                                 R"({"n":1e300})",
                                 R"({"n":"7"})",
                                 R"({"n":""})",
                                 R"({"n":true})",
                                 R"({"n":null})",
                                 R"({"n":[1]})",
                                 R"({"n":{"n":3}})",
                                 R"({"n":"tab\tquote\"slash/ü"})",
                                 R"({"n":"tab\tquote\"slash/ü","m":1})"};

TEST_F(EmbeddedStore, PropertyThatIsAskedAboutGetsAColumnAndTheAnswersStay) {
  ClickHouseOptions asking = options();
  asking.kept_rows_min = 1;
  store_ = open_store(asking);
  for (const char* text : kOddTexts) add("e", "u", kContractStart, text);
  store();
  MetricQuery query = ask({{Measure::Kind::kSum, property("n"), 0, "sum"}, count()}, {property("n")});
  query.where = filter(Filter::Kind::kExists, property("n"), {});
  std::string before = answer(query);
  EXPECT_EQ(answer(query), before);
  std::string place = " WHERE database = '" + database_ + "' AND table = 'events'";
  auto columns = [&] {
    return engine().ask("SELECT groupArray(name) FROM (SELECT name FROM system.columns" + place +
                        " AND name IN ('t_n', 'n_n') ORDER BY name)");
  };
  while (columns() != "['n_n','t_n']") EXPECT_EQ(answer(query), before);
  std::string filled = "SELECT countIf(column IN ('t_n', 'n_n')) FROM system.parts_columns" + place + " AND active";
  while (engine().ask(filled) != "2") EXPECT_EQ(answer(query), before);
  EXPECT_EQ(answer(query), before);
  store_ = open_store(asking);  // knows its columns
  EXPECT_EQ(answer(query), before);
}

TEST_F(EmbeddedStore, KeptColumnIsTheSameFilledByTheInsertOrFromTheText) {
  using Kind = clickhouse::KeptProperty::Kind;
  for (const char* text : kOddTexts) add("old", "u", kContractStart, text);
  store();
  auto run = [](const std::string& sql) -> Result<std::string> { return engine().ask(sql); };
  for (const clickhouse::KeptProperty& kept :
       {clickhouse::KeptProperty{"n", Kind::kText, true}, {"n", Kind::kText, false}, {"n", Kind::kNumber, false}}) {
    std::string column = clickhouse::kept_column(kept);
    SCOPED_TRACE(clickhouse::kept_type(kept));
    engine().ask("ALTER TABLE " + database_ + ".events DROP COLUMN IF EXISTS " + column);
    engine().ask("ALTER TABLE " + database_ + ".events DELETE WHERE event = 'new' SETTINGS mutations_sync = 1");
    ASSERT_TRUE(clickhouse::keep(run, {database_, false, ""}, kept).ok());
    store_ = open_store(options());
    for (const char* text : kOddTexts) add("new", "u", kContractStart, text);
    store();
    auto values = [&](const std::string& what, const std::string& event) {
      return engine().ask("SELECT groupArray(v) FROM (SELECT tuple(" + what + ") AS v FROM " + database_ +
                          ".events WHERE event = '" + event +
                          "' ORDER BY sequence) SETTINGS precise_float_parsing = 1");
    };
    std::string expected = values(clickhouse::kept_default(kept), "old");
    EXPECT_THAT(expected, HasSubstr("NULL"));
    EXPECT_EQ(values(column, "old"), expected);
    EXPECT_EQ(values(column, "new"), expected);
    engine().ask("OPTIMIZE TABLE " + database_ + ".events FINAL");
    EXPECT_EQ(values(column, "old"), expected);
  }
}

TEST_F(EmbeddedStore, InsertsGoOnAfterAColumnWasDroppedByHand) {
  auto run = [](const std::string& sql) -> Result<std::string> { return engine().ask(sql); };
  clickhouse::KeptProperty kept{"n", clickhouse::KeptProperty::Kind::kNumber, false};
  ASSERT_TRUE(clickhouse::keep(run, {database_, false, ""}, kept).ok());
  store_ = open_store(options({{"size", DeclaredProperty::Type::kInteger}}));
  auto drop = [&](const std::string& pattern) {
    std::string place = " WHERE database = '" + database_ + "' AND table = 'events' AND match(name, '" + pattern + "')";
    std::string column = engine().ask("SELECT any(name) FROM system.columns" + place);
    engine().ask("ALTER TABLE " + database_ + ".events DROP COLUMN " + column);
  };
  for (const char* pattern : {"^n_n$", "size"}) {
    drop(pattern);
    add("e", "u", kContractStart, R"({"n":1,"size":2})");
    Result<void> refused = store_->insert(batch_, 0, batch_.rows());
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kUnavailable);
    store();
  }
  MetricQuery query =
      ask({{Measure::Kind::kSum, property("n"), 0, "n"}, {Measure::Kind::kSum, property("size"), 0, "s"}});
  EXPECT_EQ(answer(query), "[2][4]");
}

TEST_F(EmbeddedStore, DeclaringAnotherTypeIsRefused) {
  store_ = open_store(options({{"n", DeclaredProperty::Type::kInteger}}));
  auto other = ClickHouseStore::open(options({{"n", DeclaredProperty::Type::kString}}), engine().metrics());
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, Code::kInvalid);
  EXPECT_THAT(other.error().message, HasSubstr("Nullable(Int64)"));
}

TEST_F(EmbeddedStore, BucketsFollowTheTimeZone) {
  add("e", "u", 1'711'839'600 * kSecond, "{}");  // 2024-03-30T23:00:00Z, a day before Berlin's clocks go forward
  add("e", "u", 1'711'843'199 * kSecond, "{}");
  add("e", "u", 1'711'926'000 * kSecond, "{}");  // 2024-03-31T23:00:00Z: April in Berlin
  add("e", "u", -1 * kSecond, "{}");             // before 1970
  store();
  MetricQuery query = ask({count()});
  query.from = -kDay, query.to = 1'800'000'000 * kSecond;
  query.time_zone = "Europe/Berlin";
  query.every = Every::kDay;
  EXPECT_EQ(answer(query), "[-3600000,1711839600000,1711922400000][1,2,1]");
  query.every = Every::kMonth;
  EXPECT_EQ(answer(query), "[-3600000,1709247600000,1711922400000][1,2,1]");
  query.every = Every::kWeek;
  EXPECT_EQ(answer(query), "[-262800000,1711321200000,1711922400000][1,2,1]");
  query.every = Every::kHour;
  query.time_zone = "Asia/Kolkata";
  EXPECT_EQ(answer(query), "[-1800000,1711837800000,1711841400000,1711924200000][1,1,1,1]");
  query.time_zone = "Mars/Olympus";
  EXPECT_THAT(answer(query), HasSubstr("refuses the query"));
}

TEST_F(EmbeddedStore, CountsOfWholeMinutesComeFromTheProjection) {
  constexpr std::uint64_t kRows = 50'000;
  for (std::uint64_t row = 0; row < kRows; ++row) {
    add(row % 2 == 0 ? "a" : "b", "u", kContractStart + static_cast<TimeNs>(row) * kSecond / 100, "{}");
  }
  store();
  MetricQuery query = ask({count()}, {base("event")});
  query.from = query.from / (60 * kSecond) * 60 * kSecond;
  query.to = query.to / (60 * kSecond) * 60 * kSecond;
  auto whole = store_->query(query, {});
  ASSERT_TRUE(whole.ok()) << whole.error().message;
  EXPECT_EQ(whole->columns[1].values_json, "[25000,25000]");
  EXPECT_LT(whole->rows_read, 1000u);
  query.every = Every::kHour;
  EXPECT_EQ(answer(query), R"([1699999200000,1699999200000]["a","b"][25000,25000])");
  ++query.from;
  auto odd = store_->query(query, {});
  ASSERT_TRUE(odd.ok()) << odd.error().message;
  EXPECT_EQ(odd->columns[2].values_json, "[25000,25000]");
  EXPECT_EQ(odd->rows_read, kRows);
}

TEST_F(EmbeddedStore, LimitIsToldAndTheRestLeftOut) {
  for (int row = 0; row < 5; ++row) add("e", "u" + std::to_string(row), kContractStart, "{}");
  store();
  MetricQuery query = ask({count()}, {base("user_id")});
  query.limit = 3;
  EXPECT_EQ(answer(query), R"(["u0","u1","u2"][1,1,1] cut by limit)");
  query.limit = 5;
  EXPECT_EQ(answer(query), R"(["u0","u1","u2","u3","u4"][1,1,1,1,1])");
  query.where = filter(Filter::Kind::kEqual, base("event"), {std::string("none")});
  EXPECT_EQ(answer(query), "[][]");
}

TEST_F(EmbeddedStore, BudgetsAreNamedWhenTheyRunOut) {
  for (int row = 0; row < 100'000; ++row) add("e", "user " + std::to_string(row), kContractStart + row, R"({"n":1})");
  store();
  QueryBudget few_rows;
  few_rows.rows_read = 100;
  MetricQuery query = ask({{Measure::Kind::kUniq, base("user_id"), 0, "users"}}, {property("n")});
  auto rows = store_->query(query, few_rows);
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.error().code, Code::kFull);
  EXPECT_THAT(rows.error().message, HasSubstr("rows read"));
  QueryBudget little_memory;
  little_memory.memory_bytes = 100'000;
  auto memory = store_->query(query, little_memory);
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.error().code, Code::kFull);
  EXPECT_THAT(memory.error().message, HasSubstr("memory"));
  QueryBudget no_time;
  no_time.time_ms = 1;
  MetricQuery slow = ask({{Measure::Kind::kQuantile, property("n"), 0.5, "median"}}, {base("user_id")});
  auto time = store_->query(slow, no_time);
  ASSERT_FALSE(time.ok());
  EXPECT_THAT(time.error().message, HasSubstr("time limit"));
}

TEST_F(EmbeddedStore, LatestEventsAndTheSchemaOfTheirProperties) {
  store_ = open_store(options({{"n", DeclaredProperty::Type::kInteger}}));
  add("a", "u1", kContractStart, R"({"n":1,"s":"x"})");
  add("b", "", kContractStart + 5, R"({"n":2.5,"s":"x","o":{}})");
  store();
  EventsQuery query{"default", {}, kContractStart, kContractStart + 10, 1};
  auto events = store_->events(query, {});
  ASSERT_TRUE(events.ok()) << events.error().message;
  EXPECT_THAT(*events,
              ElementsAre(R"({"event":"b","time":"2023-11-14T22:13:20.000000005Z","received":"2023-11-14T22:13:20Z",)"
                          R"("place":"1/0:1","properties":{"n":2.5,"s":"x","o":{}}})"));
  auto schema = store_->schema("default", {});
  ASSERT_TRUE(schema.ok()) << schema.error().message;
  ASSERT_THAT(schema->events, SizeIs(2));
  EXPECT_EQ(schema->events[0].event, "a");
  EXPECT_EQ(schema->events[1].last, kContractStart + 5);
  ASSERT_THAT(schema->fields, SizeIs(3));
  EXPECT_EQ(schema->fields[0].name, "properties.n");
  EXPECT_EQ(schema->fields[0].type, "number");
  EXPECT_TRUE(schema->fields[0].declared);
  EXPECT_EQ(schema->fields[1].name, "properties.s");
  EXPECT_EQ(schema->fields[1].events, 2u);
  EXPECT_EQ(schema->fields[1].cardinality, 1u);
  EXPECT_THAT(schema->fields[1].examples, ElementsAre("\"x\""));
  EXPECT_EQ(schema->fields[2].type, "nested");
  EXPECT_EQ(schema->sampled_events, 2u);
}

TEST_F(EmbeddedStore, CalendarKnowsTimeZones) {
  constexpr TimeNs kSunday = 1'711'843'200 * kSecond;  // 2024-03-31T00:00:00Z, 01:00 in Berlin, whose day has 23 hours
  EXPECT_EQ(*store_->calendar(Every::kDay, kSunday, 0, "Europe/Berlin"), 1'711'839'600 * kSecond);
  EXPECT_EQ(*store_->calendar(Every::kDay, kSunday, 1, "Europe/Berlin"), 1'711'922'400 * kSecond);
  EXPECT_EQ(*store_->calendar(Every::kDay, kSunday + kSecond, 1, "Europe/Berlin"), 1'711'922'400 * kSecond);
  EXPECT_EQ(*store_->calendar(Every::kWeek, kSunday, -1, "Europe/Berlin"), 1'710'716'400 * kSecond);
  EXPECT_EQ(*store_->calendar(Every::kMonth, kSunday, -1, "UTC"), 1'706'745'600 * kSecond);
  EXPECT_EQ(store_->calendar(Every::kDay, kSunday, 0, "Mars/Olympus").error().code, Code::kInvalid);
  EXPECT_EQ(store_->calendar(Every::kDay, kSunday, 0, "UTC') --").error().code, Code::kInvalid);
  // 02:30 was shown twice on 2024-10-27 in Berlin, and never on 2024-03-31.
  EXPECT_EQ(*store_->instant(1'729'996'200 * kSecond, "Europe/Berlin"), 1'729'989'000 * kSecond);
  EXPECT_EQ(*store_->instant(1'711'852'200 * kSecond, "Europe/Berlin"), 1'711'848'600 * kSecond);
  EXPECT_EQ(*store_->instant(1'711'886'400 * kSecond, "Europe/Berlin"), 1'711'879'200 * kSecond);
  EXPECT_THAT(*store_->buckets(Every::kDay, kSunday, kSunday + kDay, "Europe/Berlin"),
              ElementsAre(1'711'839'600 * kSecond, 1'711'922'400 * kSecond));
  EXPECT_THAT(*store_->buckets(Every::kHour, kSunday, kSunday + 1, "Asia/Kolkata"),
              ElementsAre(kSunday - 1800 * kSecond));
}

TEST_F(EmbeddedStore, RestartedEngineGoesOnWithTheSameStore) {
  add("e", "u", kContractStart, "{}");
  store();
  ASSERT_TRUE(store_->flush().ok());
  ASSERT_TRUE(store_->settle(kPartition).ok());
  add("e", "u", kContractStart, "{}");
  store();
  EXPECT_EQ(answer(ask({count()})), "[2]");
  EXPECT_EQ(store_->count(kPartition, {SequenceNumber(0), SequenceNumber(10)}, true)->rows, 2u);
}

TEST_F(EmbeddedStore, OwnersAreRememberedByTheNextStart) {
  add("e", "u", kContractStart, "{}");
  add("e", "u", kContractStart, "{}");
  store();
  ASSERT_TRUE(store_->take_over({kPartition, Epoch(5), SequenceNumber(1)}).ok());
  store_ = open_store(options());
  EXPECT_EQ(store_->owner(kPartition)->epoch, Epoch(5));
  EXPECT_EQ(store_->take_over({kPartition, Epoch(5), SequenceNumber(1)}).error().code, Code::kInvalid);
  EXPECT_EQ(engine().ask("SELECT count() FROM " + database_ + ".events"), "1");
}

TEST_F(EmbeddedStore, FirstSchemaIsBroughtToTheNewestWithItsRows) {
  std::string database = engine().new_database();
  auto run = [](const std::string& sql) -> Result<std::string> { return engine().ask(sql); };
  clickhouse::Layout layout{database, false, ""};
  std::vector<clickhouse::Migration> first = clickhouse::migrations(layout);
  first.resize(1);
  ASSERT_TRUE(clickhouse::migrate(run, layout, first).ok());
  engine().ask("INSERT INTO " + database +
               ".events (project, event, time, received, user_id, properties, context, generation, `partition`, "
               "sequence, epoch) SELECT "
               "'default', 'e', fromUnixTimestamp64Nano(toInt64(1700000000000000000)), "
               "fromUnixTimestamp64Nano(toInt64(1700000000000000000)), "
               "'u', '{\"n\":1}', '{}', 1, 0, number, 1 FROM numbers(20000)");
  for (int start = 0; start < 2; ++start) {
    SCOPED_TRACE(start);
    ClickHouseOptions opened = engine().options(database);
    opened.declared = {{"n", DeclaredProperty::Type::kInteger}};
    store_ = open_store(opened);
    ASSERT_NE(store_, nullptr);
    EXPECT_EQ(answer(ask({{Measure::Kind::kSum, property("n"), 0, "sum"}})), "[20000]");
    MetricQuery query = ask({count()});
    query.from = 1'699'920'000 * kSecond, query.to = 1'700'006'400 * kSecond;
    auto counted = store_->query(query, {});
    ASSERT_TRUE(counted.ok()) << counted.error().message;
    EXPECT_EQ(counted->columns[0].values_json, "[20000]");
    EXPECT_LT(counted->rows_read, 100u);
    EXPECT_EQ(engine().ask("SELECT groupArray(version) FROM (SELECT version FROM " + database +
                           ".schema_version ORDER BY version)"),
              "[1,2,3,4]");
    // As if a crash had come between the steps and their records: they run again.
    engine().ask("ALTER TABLE " + database + ".schema_version DELETE WHERE version >= 2 SETTINGS mutations_sync = 1");
  }
}

TEST_F(EmbeddedStore, NewerSchemaIsRefused) {
  engine().ask("INSERT INTO " + database_ + ".schema_version SELECT 99, 'from the future', now64(3)");
  auto opened = ClickHouseStore::open(options(), engine().metrics());
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::kInvalid);
  EXPECT_THAT(opened.error().message, HasSubstr("schema version 99"));
}

TEST_F(EmbeddedStore, CopyHoldsTheRowsThatCountWhateverWasThereBefore) {
  for (int i = 0; i < 20; ++i) add("e", "u", kContractStart + i, "{}");
  store();
  for (int i = 0; i < 3; ++i) add("stray", "u", kContractStart, "{}");
  store();
  engine().ask("INSERT INTO " + database_ +
               ".owners SELECT 1, 0, 2, 20, 77, 0, now64(3)");  // they don't count any more
  std::string name = engine().new_database();
  clickhouse::Address address{"unix:" + engine().supervisor().socket_path(), "", engine().supervisor().user(),
                              engine().supervisor().secret()};
  auto from = clickhouse::CopySide::create("from", address, database_).value();
  auto to = clickhouse::CopySide::create("to", address, name).value();
  EXPECT_TRUE(from->look().value());
  EXPECT_FALSE(to->look().value());
  ASSERT_TRUE(to->begin({}, {}, false).ok() && to->adopt(*from).ok());
  EXPECT_EQ(to->claims(), from->claims());
  clickhouse::StoreCopy copy(*from, *to, 4, [](const clickhouse::CopyProgress&) { return true; });
  clickhouse::PlaceRange all{kContractGeneration, kPartition, {SequenceNumber(0), SequenceNumber(23)}};
  for (const char* harm : {"SELECT 1", "ALTER TABLE {}.events DELETE WHERE sequence = 4 SETTINGS mutations_sync = 1",
                           "INSERT INTO {0}.events SELECT * FROM {0}.events WHERE sequence = 5"}) {
    engine().ask(fmt::format(fmt::runtime(harm), name));
    auto brought = copy.bring(all, SequenceNumber(23));
    ASSERT_TRUE(brought.ok()) << brought.error().message;
    EXPECT_EQ(brought->rows, 20u);
    EXPECT_TRUE(to->contents(all)->same_rows(*brought));
    EXPECT_EQ(engine().ask("SELECT count() FROM " + name + ".events"), "20");
  }
  auto days = copy.compare({all});
  ASSERT_THAT(*days, SizeIs(1));
  EXPECT_TRUE((*days)[0].from.same_rows((*days)[0].to));
  ClickHouseOptions options = engine().options(name);
  EXPECT_THAT(ClickHouseStore::open(options, engine().metrics()).error().message, HasSubstr("has not ended"));
  ASSERT_TRUE(to->end().ok());
  EXPECT_EQ(open_store(options)->owner(kPartition)->epoch, Epoch(2));
}

}  // namespace
}  // namespace millrace
