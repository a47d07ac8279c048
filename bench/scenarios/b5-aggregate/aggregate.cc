// B5: what it costs to keep aggregates up to date: repeats dropped by their ids, and three views folded: counts, sums,
// least and most a minute by name, uniques and quantiles a quarter of an hour by name, the most frequent paths a
// quarter of an hour. The quarters are joined into the hour, and all is compared with a plain recount.
//
//   aggregate_events EVENTS SECONDS [FILE]     FILE: the events for the peers, tab-separated

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"
#include "ingest/native/event_parser.h"
#include "io/random.h"
#include "process/fold.h"
#include "stream/memory/memory_stream.h"
#include "views/views.h"

namespace millrace {
namespace {

constexpr TimeNs kMillisecond = 1'000'000;
constexpr TimeNs kMinuteNs = 60'000 * kMillisecond;
constexpr TimeNs kHour = 1'763'938'800'000 * kMillisecond;  // its begin; all events are of it
constexpr TimeNs kReceived = kHour + 60 * kMinuteNs;
constexpr std::size_t kEventsARequest = 100;
constexpr PartitionId kPartition{0};

// As performance figures of the whole program are made: 100,000 users and 5,000 paths (Zipf), 20 names, one in a
// hundred sent twice.
struct One {
  TimeNs time;
  unsigned event, user, path;
  double duration;
  std::size_t id;
};

std::size_t zipf(std::mt19937_64& random, std::size_t n) {
  double draw = std::uniform_real_distribution<double>(0, 1)(random);
  return std::min(n - 1, static_cast<std::size_t>(std::pow(static_cast<double>(n), draw)) - 1);
}

std::vector<One> make_events(std::size_t count) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> duration(6, 1.2);
  std::vector<One> events;
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 200 && random() % 100 == 0) {
      events.push_back(events[i - 1 - random() % 200]);
      continue;
    }
    TimeNs late = random() % 50 == 0 ? static_cast<TimeNs>(random() % 600'000) : 0;
    TimeNs at = std::max<TimeNs>(0, static_cast<TimeNs>(i * 3'599'000 / count) - late);
    events.push_back({kHour + at * kMillisecond, static_cast<unsigned>(zipf(random, 20)),
                      static_cast<unsigned>(zipf(random, 100'000)), static_cast<unsigned>(zipf(random, 5'000)),
                      std::round(duration(random)), i});
  }
  return events;
}

std::string json_of(const One& one) {
  return fmt::format(
      R"({{"event":"event_{}","user_id":"user-{:06}","timestamp":{},"message_id":"0190f8d2-7b1c-7000-8000-{:012}",)"
      R"("properties":{{"path":"/products/{}","duration_ms":{},"plan":"free","ref":"search"}}}})"
      "\n",
      one.event, one.user, one.time / kMillisecond, one.id, one.path, one.duration);
}

class Ignored final : public AppendListener {
  void appended(PartitionId, Result<SequenceRange>) override {}
};

void fill(MemoryStream& stream, const std::vector<One>& events) {
  Ignored listener;
  EventParser parser(1, ParseLimits());
  ParsedBatch batch;
  for (std::size_t at = 0; at < events.size(); at += kEventsARequest) {
    std::string body;
    std::size_t end = std::min(at + kEventsARequest, events.size());
    for (std::size_t i = at; i < end; ++i) {
      body += json_of(events[i]);
    }
    MR_CHECK(parser.parse(body, {"default", "", kReceived, true}, batch).ok());
    MR_CHECK(batch.accepted == end - at);
    MR_CHECK(stream.append({kPartition, batch.accepted, kReceived, batch.partitions[0].record, &listener}).ok());
    stream.flush();
  }
}

FieldRef base(const char* name) { return {FieldRef::Kind::kBase, name, {}, name}; }
FieldRef property(const char* name) {
  return {FieldRef::Kind::kProperty, "", {name}, std::string("properties.") + name};
}

using Kind = ViewMeasure::Kind;
ViewMeasure measure(Kind kind, FieldRef field = {}, double quantile = 0) {
  ViewMeasure made;
  made.kind = kind;
  made.field = std::move(field);
  made.quantile = quantile;
  made.top = 10;
  return made;
}

void declare(Views& views, const char* name, std::vector<FieldRef> by, std::vector<ViewMeasure> measures, Every grain) {
  ViewSpec spec;
  spec.name = spec.json = name;
  spec.project = "default";
  spec.by = std::move(by);
  spec.measures = std::move(measures);
  spec.grain = grain;
  spec.horizon = 120 * kMinuteNs;
  MR_CHECK(views.declare(std::move(spec)).ok());
}

constexpr double kQuantiles[] = {0.5, 0.95, 0.99};

std::unique_ptr<Views> make_views() {
  auto views = std::make_unique<Views>(Generation(1), 1, ViewLimits{}, std::vector<DeclaredField>());
  FieldRef duration = property("duration_ms");
  declare(*views, "minutes", {base("event")},
          {measure(Kind::kCount), measure(Kind::kSum, duration), measure(Kind::kMin, duration),
           measure(Kind::kMax, duration)},
          Every::kMinute);
  std::vector<ViewMeasure> measures = {measure(Kind::kUniq, base("visitor"))};
  for (double quantile : kQuantiles) {
    measures.push_back(measure(Kind::kQuantile, duration, quantile));
  }
  declare(*views, "people", {base("event")}, measures, Every::kFifteenMinutes);
  declare(*views, "paths", {}, {measure(Kind::kTop, property("path"))}, Every::kFifteenMinutes);
  return views;
}

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// One pass over everything; the repeats that were found.
std::uint64_t run(MemoryStream& stream, std::uint64_t events, PartitionViews* views, bool with_rows) {
  Fold fold(FoldState{IdHasher(random_bytes(kIdSecretBytes)), IdTable(IdLimits{}), Gaps()}, SequenceNumber(0));
  fold.fold_into(views);
  LogCursor cursor = LogCursor::open(stream, kPartition, SequenceNumber(0)).value();
  EventBatch batch;
  while (fold.position().value < events) {
    StreamEntry entry = cursor.next().value();
    if (views != nullptr) {
      std::lock_guard lock(views->lock());
      views->begin_record(entry.range.begin, entry.received, true);
      MR_CHECK(fold.fold(entry, with_rows ? &batch : nullptr).ok());
      views->end_record(entry.range.end);
    } else {
      MR_CHECK(fold.fold(entry, with_rows ? &batch : nullptr).ok());
    }
    if (batch.rows() >= 250'000) {
      batch.clear();
    }
  }
  return fold.repeats();
}

std::unique_ptr<Views> fresh_views() {
  std::unique_ptr<Views> views = make_views();
  PartitionViews& partition = views->partition(kPartition);
  partition.begin({}, SequenceNumber(0), Epoch(1));
  partition.go_live(SequenceNumber(0));
  return views;
}

void time_it(const char* name, MemoryStream& stream, std::uint64_t events, double seconds, bool with_views,
             bool with_rows) {
  double used = 0;
  int rounds = 0;
  while (rounds == 0 || used < seconds) {
    std::unique_ptr<Views> views = with_views ? fresh_views() : nullptr;
    double begin = cpu_now();
    run(stream, events, views ? &views->partition(kPartition) : nullptr, with_rows);
    used += cpu_now() - begin;
    ++rounds;
  }
  double ns = used * 1e9 / (rounds * static_cast<double>(events));
  std::printf("{\"case\":\"%s\",\"ns_per_event\":%.1f,\"events_per_core_s\":%.0f}\n", name, ns, 1e9 / ns);
  std::fflush(stdout);
}

// ---- how right it is ----

struct Hour {
  std::set<unsigned> users;
  std::vector<double> durations;
};

std::vector<One> without_repeats(const std::vector<One>& events) {
  std::vector<bool> seen(events.size());
  std::vector<One> kept;
  for (const One& one : events) {
    if (!seen[one.id]) {
      seen[one.id] = true;
      kept.push_back(one);
    }
  }
  return kept;
}

std::string finalized(const ViewState& state, const std::byte* row, std::size_t number) {
  JsonWriter json;
  state.aggregates().finalize(row, number, json);
  return json.take();
}

// Joins the rows of all buckets with the same key: what an hour of quarters is.
std::map<std::string, std::vector<std::byte>> join_buckets(ViewState& state) {
  std::map<std::string, std::vector<std::byte>> rows;
  state.take_changed([&](const ViewState::Row& row) {
    auto [found, made] = rows.try_emplace(std::string(row.key));
    if (made) {
      found->second.resize(state.aggregates().bytes() + 8);
      state.aggregates().init(found->second.data());
    }
    state.aggregates().combine(found->second.data(), row.states);
  });
  return rows;
}

void compare(MemoryStream& stream, const std::vector<One>& events) {
  std::unique_ptr<Views> views = fresh_views();
  PartitionViews& partition = views->partition(kPartition);
  std::uint64_t repeats = run(stream, events.size(), &partition, false);
  std::vector<One> kept = without_repeats(events);
  MR_CHECK(repeats == events.size() - kept.size());

  std::map<std::string, std::string> minutes, folded;
  {
    struct Sums {
      std::uint64_t count = 0;
      double sum = 0, least = 1e300, most = 0;
    };
    std::map<std::string, Sums> sums;
    for (const One& one : kept) {
      Sums& of = sums[fmt::format("{} event_{}", one.time / kMinuteNs, one.event)];
      ++of.count;
      of.sum += one.duration;
      of.least = std::min(of.least, one.duration);
      of.most = std::max(of.most, one.duration);
    }
    for (const auto& [key, of] : sums) {
      minutes[key] = fmt::format("{} {} {} {}", of.count, of.sum, of.least, of.most);
    }
    ViewState& state = *partition.lanes()[0].state;
    state.take_changed([&](const ViewState::Row& row) {
      auto key = ViewState::decode_key(row.key);
      auto number = [&](std::size_t i) { return std::strtod(finalized(state, row.states, i).c_str(), nullptr); };
      folded[fmt::format("{} {}", row.time / kMinuteNs, *key[0])] =
          fmt::format("{} {} {} {}", row.count, number(1), number(2), number(3));
    });
  }
  MR_CHECK(minutes == folded);

  std::map<std::string, Hour> hours;
  std::map<std::string, std::uint64_t> paths;
  for (const One& one : kept) {
    Hour& hour = hours[fmt::format("event_{}", one.event)];
    hour.users.insert(one.user);
    hour.durations.push_back(one.duration);
    ++paths[fmt::format("/products/{}", one.path)];
  }
  double uniq_off = 0, quantile_off = 0;
  ViewState& people = *partition.lanes()[1].state;
  auto joined = join_buckets(people);
  MR_CHECK(joined.size() == hours.size());
  for (auto& [key, row] : joined) {
    Hour& hour = hours.at(std::string(*ViewState::decode_key(key)[0]));
    auto number = [&](std::size_t i) { return std::strtod(finalized(people, row.data(), i).c_str(), nullptr); };
    auto users = static_cast<double>(hour.users.size());
    uniq_off = std::max(uniq_off, std::abs(number(0) - users) / users);
    std::sort(hour.durations.begin(), hour.durations.end());
    for (std::size_t i = 0; i < std::size(kQuantiles); ++i) {
      // Any number between the two that the rank lies between is right.
      double rank = kQuantiles[i] * static_cast<double>(hour.durations.size() - 1);
      double low = hour.durations[static_cast<std::size_t>(std::floor(rank))];
      double high = hour.durations[static_cast<std::size_t>(std::ceil(rank))];
      double off = std::max({low - number(1 + i), number(1 + i) - high, 0.0});
      quantile_off = std::max(quantile_off, off / low);
    }
    people.aggregates().destroy(row.data());
  }
  std::vector<std::pair<std::uint64_t, std::string>> most;
  for (const auto& [path, count] : paths) {
    most.emplace_back(count, path);
  }
  std::sort(most.rbegin(), most.rend());
  ViewState& tops = *partition.lanes()[2].state;
  std::string top;
  for (auto& [key, row] : join_buckets(tops)) {
    top = finalized(tops, row.data(), 0);
    tops.aggregates().destroy(row.data());
  }
  int found = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    found += top.find("\"" + most[i].second + "\"") != std::string::npos ? 1 : 0;
  }
  std::printf(
      "{\"case\":\"Millrace, compared\",\"rows_exact\":%zu,\"repeats\":%llu,\"uniq_off_most\":%.4f,"
      "\"quantile_off_most\":%.4f,\"top_10_found\":%d}\n",
      minutes.size(), static_cast<unsigned long long>(repeats), uniq_off, quantile_off, found);
}

void write_for_peers(const char* path, const std::vector<One>& events) {
  std::FILE* file = std::fopen(path, "w");
  MR_CHECK(file != nullptr);
  for (const One& one : events) {
    fmt::print(file, "{}\tevent_{}\tuser-{:06}\t/products/{}\t{}\t{}\n", one.time / kMillisecond, one.event, one.user,
               one.path, one.duration, one.id);
  }
  MR_CHECK(std::fclose(file) == 0);
}

}  // namespace
}  // namespace millrace

int main(int count, char** arguments) {
  using namespace millrace;
  configure_log(LogLevel::kWarning, LogFormat::kText);
  std::size_t events = count > 1 ? static_cast<std::size_t>(std::atoll(arguments[1])) : 1'000'000;
  double seconds = count > 2 ? std::atof(arguments[2]) : 2;
  std::vector<One> made = make_events(events);
  if (count > 3) {
    write_for_peers(arguments[3], made);
  }
  MemoryStream stream({Generation(1), 1, 1 << 30, false});
  fill(stream, made);
  compare(stream, made);
  time_it("Millrace, ids alone", stream, events, seconds, false, false);
  time_it("Millrace, ids and views", stream, events, seconds, true, false);
  time_it("Millrace, ids, views and the store's columns", stream, events, seconds, true, true);
  return 0;
}
