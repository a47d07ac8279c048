// What the processor itself costs an event: from the log's records to the columns of a batch, and to a store that takes
// them for nothing.

#include <cstdlib>
#include <filesystem>
#include <map>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "io/random.h"
#include "model/record.h"
#include "process/processor.h"
#include "stream/memory/memory_stream.h"

namespace millrace {
namespace {

constexpr std::uint64_t kEvents = 1'000'000;
constexpr PartitionId kPartition{0};

class IgnoreListener final : public AppendListener {
  void appended(PartitionId, Result<SequenceRange>) override {}
};

// About 240 bytes of JSON an event; one in a hundred is a repeat.
void fill(MemoryStream& stream, std::uint64_t in_one_record) {
  IgnoreListener listener;
  std::vector<std::string> records;
  for (std::uint64_t at = 0; at < kEvents; at += in_one_record) {
    std::string& record = records.emplace_back();
    begin_record(record, "default");
    for (std::uint64_t i = at; i < at + in_one_record; ++i) {
      std::string id = fmt::format("0190f8d2-7b1c-7000-8000-{:012}", i % 100 == 99 ? i - 50 : i);
      std::string user = fmt::format("user-{}", i * 2'654'435'761 % 100'000);
      std::string properties =
          fmt::format(R"({{"path":"/products/{}","added":{},"title":"A page with a title"}})", i % 5000, i % 97);
      EventView event;
      event.event = "page_viewed";
      event.user_id = user;
      event.session_id = "session-42";
      event.id_kind = IdKind::kMessage;
      event.id = id;
      event.time = event.received = 1'700'000'000'000'000'000LL + static_cast<TimeNs>(i);
      event.properties = properties;
      append_event(record, event);
    }
    (void)stream
        .append({kPartition, static_cast<std::uint32_t>(in_one_record), 1'700'000'000'000'000'000LL, record, &listener})
        .ok();
    if (records.size() % 64 == 0) {
      stream.flush();
      records.clear();
    }
  }
  stream.flush();
}

MemoryStream& full_stream(std::uint64_t in_one_record) {
  static std::map<std::uint64_t, std::unique_ptr<MemoryStream>> streams;
  std::unique_ptr<MemoryStream>& stream = streams[in_one_record];
  if (!stream) {
    stream = std::make_unique<MemoryStream>(MemoryStreamOptions{Generation(1), 1, 1 << 30, false});
    fill(*stream, in_one_record);
  }
  return *stream;
}

void replay(benchmark::State& state, bool with_rows) {
  MemoryStream& stream = full_stream(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) {
    Fold fold(FoldState{IdHasher(random_bytes(kIdSecretBytes)), IdTable(IdLimits{}), Gaps()}, SequenceNumber(0));
    LogCursor cursor = LogCursor::open(stream, kPartition, SequenceNumber(0)).value();
    EventBatch batch;
    while (fold.position().value < kEvents) {
      StreamEntry entry = cursor.next().value();
      (void)fold.fold(entry, with_rows ? &batch : nullptr).ok();
      if (batch.rows() >= 250'000) {
        batch.clear();
      }
    }
    benchmark::DoNotOptimize(fold.repeats());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
}
BENCHMARK_CAPTURE(replay, ids_alone, false)->Arg(1)->Arg(100)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replay, ids_and_columns, true)->Arg(1)->Arg(100)->Unit(benchmark::kMillisecond);

// Takes everything at once.
class OpenHandedStore final : public StoreWriter {
 public:
  Result<void> insert(const EventBatch&, std::size_t, std::size_t) override { return {}; }
  Result<void> settle(PartitionId) override { return {}; }
  Result<std::vector<SequenceNumber>> present(PartitionId, SequenceRange) override {
    return std::vector<SequenceNumber>();
  }
  Result<StoredRange> count(PartitionId, SequenceRange, bool) override { return StoredRange{}; }
  Result<void> flush() override { return {}; }
  Result<Takeover> owner(PartitionId) override { return takeover_; }
  Result<void> take_over(const Takeover& takeover) override {
    takeover_ = takeover;
    return {};
  }

 private:
  Takeover takeover_;
};

class NoFailedEvents final : public FailedEvents {
 public:
  void add(const FailedEvent&) override {}
  Result<void> sync() override { return {}; }
  std::vector<FailedEvent> latest(const std::string&, std::size_t) override { return {}; }
};

void whole_processor(benchmark::State& state) {
  MemoryStream& stream = full_stream(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) {
    std::string folder = "/tmp/process-bench-XXXXXX";
    folder = ::mkdtemp(folder.data());
    OpenHandedStore store;
    NoFailedEvents failed;
    Metrics metrics;
    ProcessorOptions options;
    options.folder = folder;
    Processor processor({stream, store, failed, posix_file_system(), metrics}, options);
    for (TimeNs now = 0; processor.progress().stored_until.value < kEvents; now += 1'000'000) {
      (void)processor.step(0, now);
    }
    state.PauseTiming();
    std::filesystem::remove_all(folder);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
}
BENCHMARK(whole_processor)->Arg(1)->Arg(100)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace
