// Folding, in events a second of one core: the events of a shop with 20 names, Zipf-like users and paths, 2% late; a
// typical set of views (minutes by name with uniques, minutes of revenue with quantiles, top paths by minute). Reading
// the events' fields is a part of it, decoding records and dropping repeats is not (process_bench has those).

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/check.h"
#include "base/time_format.h"
#include "model/property_index.h"
#include "views/views.h"

namespace millrace {
namespace {

constexpr TimeNs kNow = 1'700'000'000 * kSecond;
constexpr std::size_t kEvents = 1 << 17;

struct BenchEvent {
  std::string event, user, properties, index;
  TimeNs time = 0;
  EventView view;
};

std::size_t zipf(std::mt19937_64& random, std::size_t n) {
  double draw = std::uniform_real_distribution<double>(0, 1)(random);
  return std::min(n - 1, static_cast<std::size_t>(std::pow(static_cast<double>(n), draw)) - 1);
}

std::vector<BenchEvent> make_events() {
  std::mt19937_64 random(1);
  std::vector<BenchEvent> events(kEvents);
  for (std::size_t i = 0; i < kEvents; ++i) {
    BenchEvent& one = events[i];
    one.event = fmt::format("event_{}", zipf(random, 20));
    one.user = fmt::format("user-{:06}", zipf(random, 100'000));
    std::string path = fmt::format("\"/products/{}\"", zipf(random, 5'000));
    std::string price = std::to_string(random() % 10'000);
    one.properties = fmt::format(R"({{"path":{},"price":{},"plan":"free","first":true,"ref":"search"}})", path, price);
    for (auto [key, value, type] :
         {std::tuple<std::size_t, std::size_t, PropertyType>{4, path.size(), PropertyType::kString},
          {5, price.size(), PropertyType::kInteger},
          {4, 6, PropertyType::kString},
          {5, 4, PropertyType::kBool},
          {3, 8, PropertyType::kString}}) {
      append_property_index(one.index, key, value, type);
    }
    bool late = random() % 50 == 0;
    one.time = kNow + static_cast<TimeNs>(i) * 10'000 - (late ? static_cast<TimeNs>(random() % 600) * kSecond : 0);
  }
  for (BenchEvent& one : events) {
    one.view.project = "default";
    one.view.event = one.event;
    one.view.user_id = one.user;
    one.view.properties = one.properties;
    one.view.property_index = one.index;
    one.view.time = one.time;
    one.view.received = kNow;
  }
  return events;
}

FieldRef base(const std::string& name) { return {FieldRef::Kind::kBase, name, {}, name}; }
FieldRef property(const std::string& name) { return {FieldRef::Kind::kProperty, "", {name}, "properties." + name}; }

ViewSpec view(const std::string& name, std::vector<FieldRef> by, std::vector<ViewMeasure> measures, Every grain) {
  ViewSpec spec;
  spec.name = spec.json = name;
  spec.project = "default";
  spec.by = std::move(by);
  spec.measures = std::move(measures);
  spec.grain = grain;
  spec.horizon = 3'600 * kSecond;
  return spec;
}

void fold_all(benchmark::State& state, const std::vector<ViewSpec>& specs) {
  static const std::vector<BenchEvent> events = make_events();
  Views views(Generation(1), 1, ViewLimits{}, {});
  for (const ViewSpec& spec : specs) {
    MR_CHECK(views.declare(spec).ok());
  }
  PartitionViews& partition = views.partition(PartitionId(0));
  partition.begin({}, SequenceNumber(0), Epoch(1));
  partition.go_live(SequenceNumber(0));
  for (auto _ : state) {
    for (std::size_t i = 0; i < events.size(); i += 100) {
      std::lock_guard lock(partition.lock());
      partition.begin_record(SequenceNumber(0), kNow, true);
      for (std::size_t k = i; k < std::min(i + 100, events.size()); ++k) {
        partition.fold(events[k].view, SequenceNumber(k));
      }
      partition.end_record(SequenceNumber(0));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(events.size()));
}

ViewMeasure measure(ViewMeasure::Kind kind, FieldRef field = {}) {
  ViewMeasure made;
  made.kind = kind;
  made.field = std::move(field);
  made.top = 10;
  made.quantile = 0.95;
  return made;
}

using Kind = ViewMeasure::Kind;

void BM_CountByEvent(benchmark::State& state) {
  fold_all(state, {view("a", {base("event")}, {measure(Kind::kCount)}, Every::kMinute)});
}
void BM_BuiltIn(benchmark::State& state) {
  std::vector<ViewMeasure> measures = {measure(Kind::kCount), measure(Kind::kUniq, base("visitor"))};
  fold_all(state, {view("a", {base("event")}, measures, Every::kOneSecond),
                   view("b", {base("event")}, measures, Every::kMinute)});
}
void BM_Typical(benchmark::State& state) {
  fold_all(state,
           {view("a", {base("event")}, {measure(Kind::kCount), measure(Kind::kUniq, base("visitor"))}, Every::kMinute),
            view("b", {}, {measure(Kind::kSum, property("price")), measure(Kind::kQuantile, property("price"))},
                 Every::kMinute),
            view("c", {}, {measure(Kind::kTop, property("path"))}, Every::kMinute)});
}
BENCHMARK(BM_CountByEvent);
BENCHMARK(BM_BuiltIn);
BENCHMARK(BM_Typical);

}  // namespace
}  // namespace millrace
