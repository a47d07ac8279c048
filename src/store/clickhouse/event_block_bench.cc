// Rows to a Native block: nanoseconds a row.
#include <benchmark/benchmark.h>

#include "model/property_index.h"
#include "store/clickhouse/event_block.h"

namespace {

using namespace millrace;

EventBatch batch_of(std::size_t rows) {
  EventBatch batch;
  for (std::size_t row = 0; row < rows; ++row) {
    std::string user = "u_" + std::to_string(row * 2654435761u % 100'000);
    std::string id = "5f0c7c6e-0000-4000-8000-" + std::to_string(100'000'000'000 + row);
    std::string path = "/path/" + std::to_string(row % 5000) + "/view";
    std::string duration = std::to_string(row % 20'000);
    std::string properties =
        "{\"path\":\"" + path + "\",\"plan\":\"basic\",\"duration\":" + duration + ",\"amount\":12.25,\"ok\":true}";
    std::string index;
    append_property_index(index, 4, path.size() + 2, PropertyType::kString);
    append_property_index(index, 4, 7, PropertyType::kString);
    append_property_index(index, 8, duration.size(), PropertyType::kInteger);
    append_property_index(index, 6, 5, PropertyType::kDouble);
    append_property_index(index, 2, 4, PropertyType::kBool);
    EventView event;
    event.project = "default";
    event.event = row % 3 == 0 ? "page_view" : "click";
    event.user_id = user;
    event.session_id = "s_0123456789abcdef";
    event.id_kind = IdKind::kMessage;
    event.id = id;
    event.time = 1'780'000'000'000'000'000 + static_cast<TimeNs>(row);
    event.received = event.time;
    event.properties = properties;
    event.property_index = index;
    batch.append(event, SequenceNumber(row));
  }
  return batch;
}

void encode(benchmark::State& state, std::vector<DeclaredProperty> declared) {
  EventBatch batch = batch_of(100'000);
  clickhouse::EventBlock block(std::move(declared));
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = block.encode(batch, 0, batch.rows()).size();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch.rows()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
  state.counters["ns/row"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(batch.rows()) / 1e9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(encode, nothing_declared, std::vector<DeclaredProperty>{});
BENCHMARK_CAPTURE(encode, two_declared,
                  std::vector<DeclaredProperty>{{"path", DeclaredProperty::Type::kString},
                                                {"duration", DeclaredProperty::Type::kInteger}});

}  // namespace
