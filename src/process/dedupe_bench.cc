// What one id costs: looked up, and remembered when it is new, in a table of ten million.

#include <benchmark/benchmark.h>

#include "process/dedupe.h"

namespace millrace {
namespace {

Fingerprint id_of(std::uint64_t number) {
  std::uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15ULL;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return {mixed ^ (mixed >> 31), mixed * 0xd6e8feb86659fd93ULL};
}

IdTable& full_table(std::uint64_t& next) {
  static IdTable table{IdLimits{}};
  static std::uint64_t count = 0;
  for (; count < 10'100'000; ++count) {
    table.forget(0);
    (void)table.repeat(id_of(count), SequenceNumber(count), 0);
  }
  next = table.next_chunk() * table.limits().chunk_ids + 20'000'000;
  return table;
}

// Every id is new, and chunks are forgotten as others come. `ahead` ids are fetched before they are needed.
void new_ids(benchmark::State& state) {
  static std::uint64_t offset = 0;
  std::uint64_t next = 0;
  IdTable& table = full_table(next);
  const auto ahead = static_cast<std::size_t>(state.range(0));
  std::vector<Fingerprint> group(ahead);
  next += offset;
  for (auto _ : state) {
    table.forget(0);
    for (std::size_t i = 0; i < ahead; ++i) {
      group[i] = id_of(next + i);
      if (ahead > 1) {
        table.prefetch(group[i]);
      }
    }
    for (std::size_t i = 0; ahead > 1 && i < ahead; ++i) {
      table.prefetch_entry(group[i]);
    }
    for (std::size_t i = 0; i < ahead; ++i) {
      benchmark::DoNotOptimize(table.repeat(group[i], SequenceNumber(next + i), 0));
    }
    next += ahead;
  }
  offset = next;
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(ahead));
  state.counters["ids"] = static_cast<double>(table.size());
}
BENCHMARK(new_ids)->Arg(1)->Arg(8)->Arg(32)->Arg(128);

void repeated_ids(benchmark::State& state) {
  std::uint64_t next = 0;
  IdTable& table = full_table(next);
  std::vector<Fingerprint> some;
  for (const IdChunk& chunk : table.chunks()) {
    some.push_back(chunk.entries[chunk.entries.size() / 3].id);
  }
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.repeat(some[at], SequenceNumber(UINT64_MAX), 0));
    at = at + 1 == some.size() ? 0 : at + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(repeated_ids);

}  // namespace
}  // namespace millrace
