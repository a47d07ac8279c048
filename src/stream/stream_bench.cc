// B2: the log beside the raw floor, in one run. Both keep N appends of 237 bytes in flight; raw writes their bytes with
// one pwritev and one fdatasync into a file of zeros. Items are durable events; `p99_us` is the time from append to
// answer.
//
//   stream_bench --benchmark_repetitions=3

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "io/clock.h"
#include "stream/log/log_stream.h"

namespace millrace {
namespace {

constexpr std::size_t kEventBytes = 237;
constexpr std::uint64_t kFileBytes = 64 << 20;

class BenchFolder {
 public:
  BenchFolder() {
    const char* base = std::getenv("MILLRACE_BENCH_DIR");
    path_ = std::string(base != nullptr ? base : "/var/tmp") + "/millrace-bench-XXXXXX";
    MR_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~BenchFolder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

double p99_us(std::vector<TimeNs>& times) {
  if (times.empty()) {
    return 0;
  }
  auto at = times.begin() + static_cast<std::ptrdiff_t>(times.size() * 99 / 100);
  std::nth_element(times.begin(), at, times.end());
  return static_cast<double>(*at) / 1000;
}

void raw_floor(benchmark::State& state) {
  BenchFolder folder;
  auto in_flight = static_cast<std::size_t>(state.range(0));
  auto file = posix_file_system().open(folder.path() + "/raw", OpenMode::kCreate).value();
  std::string zeros(1 << 20, '\0');
  for (std::uint64_t at = 0; at < kFileBytes; at += zeros.size()) {
    std::string_view piece[] = {zeros};
    MR_CHECK(file->write_at(at, piece).ok());
  }
  MR_CHECK(file->sync().ok());
  std::string group(in_flight * kEventBytes, 'x');
  std::string_view piece[] = {group};
  std::uint64_t at = 0;
  std::vector<TimeNs> times;
  for (auto _ : state) {
    TimeNs begin = system_clock().monotonic();
    at = at + group.size() > kFileBytes ? 0 : at;
    MR_CHECK(file->write_at(at, piece).ok());
    MR_CHECK(file->sync().ok());
    at += group.size();
    times.push_back(system_clock().monotonic() - begin);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(in_flight));
  state.counters["p99_us"] = p99_us(times);
}

// Appends again as soon as it is told: in flight all the time, as clients that wait for their answers are.
class ClosedLoop final : public AppendListener {
 public:
  ClosedLoop(Stream& stream, std::string_view payload) : stream_(stream), payload_(payload) {}

  void start() { append(); }
  void appended(PartitionId, Result<SequenceRange> result) override {
    MR_CHECK(result.ok());
    TimeNs now = system_clock().monotonic();
    times_.push_back(now - begun_);
    if (released_ && times_.size() % 64 == 0) {
      stream_.release(PartitionId(0), result->begin);
    }
    if (left_ != nullptr && left_->fetch_sub(1) > 0) {
      append_at(now);
      return;
    }
    std::lock_guard lock(*mutex_);
    --*running_;
    done_->notify_all();
  }

  // `released`: what is durable is given up at once, as by a processor that has stored it.
  static double run(Stream& stream, std::string_view payload, std::size_t in_flight, std::int64_t events,
                    bool released = false) {
    std::atomic<std::int64_t> left = events - static_cast<std::int64_t>(in_flight);
    std::mutex mutex;
    std::condition_variable done;
    std::size_t running = in_flight;
    std::vector<ClosedLoop> loops;
    loops.reserve(in_flight);
    for (std::size_t i = 0; i < in_flight; ++i) {
      ClosedLoop& loop = loops.emplace_back(stream, payload);
      loop.left_ = &left;
      loop.mutex_ = &mutex;
      loop.done_ = &done;
      loop.running_ = &running;
      loop.released_ = released;
      loop.times_.reserve(static_cast<std::size_t>(events) / in_flight * 2);
    }
    for (ClosedLoop& loop : loops) {
      loop.start();
    }
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return running == 0; });
    std::vector<TimeNs> all;
    for (ClosedLoop& loop : loops) {
      all.insert(all.end(), loop.times_.begin(), loop.times_.end());
    }
    return p99_us(all);
  }

 private:
  void append() { append_at(system_clock().monotonic()); }
  void append_at(TimeNs now) {
    begun_ = now;
    MR_CHECK(stream_.append({PartitionId(0), 1, now, payload_, this}).ok());
  }

  Stream& stream_;
  std::string_view payload_;
  TimeNs begun_ = 0;
  std::vector<TimeNs> times_;
  std::atomic<std::int64_t>* left_ = nullptr;
  std::mutex* mutex_ = nullptr;
  std::condition_variable* done_ = nullptr;
  std::size_t* running_ = nullptr;
  bool released_ = false;
};

LogOptions bench_options(const BenchFolder& folder) {
  LogOptions options;
  options.folder = folder.path() + "/log";
  options.free_bytes_min = 0;
  return options;
}

void log_append(benchmark::State& state, bool recycled) {
  BenchFolder folder;
  Metrics metrics;
  LogOptions options = bench_options(folder);
  auto in_flight = static_cast<std::size_t>(state.range(0));
  std::string payload(kEventBytes, 'x');
  std::int64_t before = 1;  // the first segment is there then
  if (recycled) {
    options.retain_bytes = 2 * options.segment_bytes;
    before = static_cast<std::int64_t>(6 * options.segment_bytes / kEventBytes);
  }
  auto stream = open_log_stream(posix_file_system(), system_clock(), metrics, options).value();
  ClosedLoop::run(*stream, payload, recycled ? 1024 : 1, before, recycled);
  double p99 = 0;
  std::int64_t syncs = metrics.get(Metric::kStreamSyncs);
  std::int64_t events = state.max_iterations * static_cast<std::int64_t>(in_flight);
  while (state.KeepRunningBatch(state.max_iterations)) {
    p99 = ClosedLoop::run(*stream, payload, in_flight, events, recycled);
  }
  state.SetItemsProcessed(events);
  state.counters["p99_us"] = p99;
  state.counters["events_per_sync"] =
      static_cast<double>(events) / static_cast<double>(metrics.get(Metric::kStreamSyncs) - syncs);
}

// One client thread that waits for each answer: two changes of thread an event on top.
void log_append_blocking(benchmark::State& state) {
  BenchFolder folder;
  Metrics metrics;
  auto stream = open_log_stream(posix_file_system(), system_clock(), metrics, bench_options(folder)).value();
  std::string payload(kEventBytes, 'x');
  for (auto _ : state) {
    ClosedLoop::run(*stream, payload, 1, 1);
  }
  state.SetItemsProcessed(state.iterations());
}

void log_read(benchmark::State& state) {
  BenchFolder folder;
  Metrics metrics;
  auto stream = open_log_stream(posix_file_system(), system_clock(), metrics, bench_options(folder)).value();
  std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
  std::int64_t records = (32 << 20) / state.range(0);
  ClosedLoop::run(*stream, payload, 64, records);
  std::int64_t bytes = 0;
  for (auto _ : state) {
    auto reader = stream->reader(PartitionId(0), SequenceNumber(0)).value();
    for (Result<StreamEntry> entry = reader->next(); entry.ok(); entry = reader->next()) {
      bytes += static_cast<std::int64_t>(entry->payload.size());
    }
  }
  MR_CHECK(bytes == state.iterations() * records * state.range(0));
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(state.iterations() * records);
}

BENCHMARK(raw_floor)->Arg(1)->Arg(16)->Arg(64)->Arg(1024)->UseRealTime()->MinTime(2);
BENCHMARK_CAPTURE(log_append, new, false)->Arg(1)->Arg(16)->Arg(64)->Arg(1024)->UseRealTime()->MinTime(2);
BENCHMARK_CAPTURE(log_append, recycled, true)->Arg(1)->Arg(16)->Arg(64)->Arg(1024)->UseRealTime()->MinTime(2);
BENCHMARK(log_append_blocking)->UseRealTime()->MinTime(1);
BENCHMARK(log_read)->Arg(237)->Arg(23'700)->UseRealTime();

}  // namespace
}  // namespace millrace
