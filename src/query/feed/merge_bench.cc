// What a server that only answers spends on the views of two processors: a view of 100,000 keys, each of which both
// have rows of; in each tick some of them change in both. Taking the frames (decoding, putting rows into the copies) is
// the merge's part, the table (joining the copies' states, writing them as JSON) is the one that every server has.
// `core` is the share of one core with four ticks a second.

#include <ctime>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"
#include "query/feed/merge.h"
#include "query/feed/writer.h"
#include "views/table.h"

namespace millrace {
namespace {

constexpr TimeNs kNow = 1'700'000'000'000'000'000;
constexpr std::size_t kKeys = 100'000;
constexpr std::uint16_t kProcessors = 2;
constexpr double kTicksASecond = 4;

ViewSpec pages(bool with_uniq) {
  ViewSpec spec;
  spec.name = spec.json = "pages";
  spec.by = {{FieldRef::Kind::kBase, "event", {}, "event"}};
  spec.horizon = 3'600'000'000'000;
  spec.keys_max = kKeys;
  spec.measures = {ViewMeasure{}};
  if (with_uniq) {
    spec.measures.emplace_back();
    spec.measures[1].kind = ViewMeasure::Kind::kUniq;
    spec.measures[1].field = {FieldRef::Kind::kBase, "visitor", {}, "visitor"};
  }
  return spec;
}

struct Processor {
  Processor(std::uint16_t id, const ViewSpec& spec)
      : number(id), views(Generation(1), kProcessors, ViewLimits{64, 512 << 20}, {}), writer(views, id, Generation(1)) {
    MR_CHECK(views.declare(spec).ok());
    views.partition(PartitionId(id)).begin({}, SequenceNumber(0), Epoch(1));
    views.partition(PartitionId(id)).go_live(SequenceNumber(0));
  }
  void fold(std::size_t begin, std::size_t end) {
    PartitionViews& partition = views.partition(PartitionId(number));
    partition.begin_record(position, kNow, true);
    for (std::size_t i = begin; i < end; ++i) {
      std::string page = fmt::format("/products/{}", i % kKeys);
      std::string user = fmt::format("user-{}", (i * 7 + number) % 5'000);
      EventView event;
      event.event = page;
      event.user_id = user;
      event.time = event.received = kNow;
      event.properties = "{}";
      partition.fold(event, position);
      position = position.plus(1);
    }
    partition.end_record(position);
    partition.audit(position.value);
  }
  std::vector<std::string> tick() {
    std::vector<PartitionProgress> progress(kProcessors);
    for (std::uint16_t i = 0; i < kProcessors; ++i) {
      progress[i].partition = PartitionId(i);
    }
    return writer.tick(progress, false);
  }

  std::uint16_t number;
  Views views;
  FeedWriter writer;
  SequenceNumber position;
};

// Of this thread alone: others may be at work on the machine.
double cpu_seconds() {
  timespec now{};
  MR_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void take(FeedMerge& merge, std::size_t source, const std::vector<std::string>& frames) {
  FeedCutter cutter;
  for (const std::string& frame : frames) {
    cutter.add(frame);
    for (std::string_view body = *cutter.next(); !body.empty(); body = *cutter.next()) {
      MR_CHECK(merge.take(source, body, kNow).ok());
    }
  }
}

// `share`: of the keys, in a thousand, that change in a tick.
void merge_views(benchmark::State& state, bool with_uniq) {
  configure_log(LogLevel::kNothing, LogFormat::kText);
  ViewSpec spec = pages(with_uniq);
  Views shown(Generation(1), kProcessors, ViewLimits{64, 512 << 20}, {});
  MR_CHECK(shown.declare(spec).ok());
  FeedMerge merge(shown, Generation(1), {"http://a", "http://b"});
  std::vector<std::unique_ptr<Processor>> processors;
  for (std::uint16_t i = 0; i < kProcessors; ++i) {
    processors.push_back(std::make_unique<Processor>(i, spec));
    processors[i]->fold(0, 2 * kKeys);
    merge.begin(i);
    take(merge, i, {processors[i]->writer.hello()});
    take(merge, i, processors[i]->tick());
  }
  ViewTable table(shown, shown.find("pages"));
  table.refresh();
  MR_CHECK(table.live() && table.stats().rows == kKeys);
  auto changed = static_cast<std::size_t>(state.range(0)) * kKeys / 1'000;
  std::size_t at = 0;
  double writing = 0, merging = 0, joining = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    std::vector<std::vector<std::string>> frames;
    for (auto& processor : processors) {
      processor->fold(at, at + changed);
    }
    at += changed;
    double began = cpu_seconds();
    for (auto& processor : processors) {
      frames.push_back(processor->tick());
    }
    writing += cpu_seconds() - began;
    began = cpu_seconds();
    for (std::size_t i = 0; i < frames.size(); ++i) {
      take(merge, i, frames[i]);
    }
    double took = cpu_seconds() - began;
    merging += took;
    began = cpu_seconds();
    table.refresh();
    joining += cpu_seconds() - began;
    state.SetIterationTime(took);
    for (const auto& all : frames) {
      for (const std::string& frame : all) {
        bytes += frame.size();
      }
    }
  }
  MR_CHECK(shown.partition(PartitionId(0)).last_audit().holds);
  auto ticks = static_cast<double>(state.iterations());
  state.counters["core"] = merging / ticks * kTicksASecond;
  state.counters["core_table"] = joining / ticks * kTicksASecond;
  state.counters["core_processors"] = writing / ticks * kTicksASecond;
  state.counters["bytes_tick"] = static_cast<double>(bytes) / ticks;
}

void BM_Count(benchmark::State& state) { merge_views(state, false); }
void BM_CountAndUniq(benchmark::State& state) { merge_views(state, true); }
BENCHMARK(BM_Count)->Arg(10)->Arg(100)->Arg(1000)->Iterations(40)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(BM_CountAndUniq)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Iterations(40)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace
