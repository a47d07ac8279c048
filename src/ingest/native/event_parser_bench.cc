// B4: validate and encode events, beside bare simdjson over the same bytes in the same run. "floor" is simdjson's
// on-demand parser with iterate_many and one pass over the fields, reading every value and keeping nothing.
//
//   ingest_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "base/check.h"
#include "ingest/native/event_parser.h"

namespace millrace {
namespace {

constexpr int kEvents = 1'000'000;
constexpr int kEventsARequest = 1'000;

enum class Form { kUsual, kShuffled, kEscapes, kMalformed };

// About 240 bytes, as performance figures of others have it.
std::string make_event(std::mt19937_64& random, Form form) {
  std::string n = std::to_string(random() % 100'000);
  std::vector<std::string> fields = {
      R"("event":"page_viewed")", R"("user_id":"u_)" + n + "\"", R"("timestamp":"2024-03-18T06:16:09.123Z")",
      R"("message_id":"68ccc0ce)" + n + ":" + std::to_string(random() % 1'000'000) + "\"",
      R"("properties":{"path":"/products/)" + n + (form == Form::kEscapes ? R"(\/\u00e9\"x\"")" : R"(/detail")") +
          R"(,"referrer":"search","duration_ms":)" + std::to_string(random() % 10'000) + R"(,"score":0.)" +
          std::to_string(random() % 1000) + R"(,"logged_in":true})"};
  if (form == Form::kShuffled) {
    std::shuffle(fields.begin(), fields.end(), random);
  }
  std::string json = "{";
  for (const std::string& field : fields) {
    json += (json.size() > 1 ? "," : "") + field;
  }
  if (form == Form::kMalformed && random() % 1'000 == 0) {
    return json + ",\n";
  }
  return json + "}\n";
}

struct Load {
  std::string text;
  std::vector<std::string_view> requests;
};

const Load& load(Form form) {
  static std::array<Load, 4> loads;
  Load& load = loads[static_cast<std::size_t>(form)];
  if (load.requests.empty()) {
    std::mt19937_64 random(1);
    std::vector<std::size_t> ends = {0};
    for (int i = 0; i < kEvents; ++i) {
      load.text += make_event(random, form);
      if ((i + 1) % kEventsARequest == 0) {
        ends.push_back(load.text.size());
      }
    }
    load.text.append(64, '\0');
    for (std::size_t i = 1; i < ends.size(); ++i) {
      load.requests.push_back(std::string_view(load.text).substr(ends[i - 1], ends[i] - ends[i - 1]));
    }
  }
  return load;
}

void report(benchmark::State& state, const Load& load) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * load.text.size()));
  state.counters["ns/event"] = benchmark::Counter(static_cast<double>(state.iterations()) * kEvents / 1e9,
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

bool read_value(simdjson::ondemand::value value, std::size_t& sink) {
  switch (value.type().value_unsafe()) {
    case simdjson::ondemand::json_type::string:
      sink += value.get_string().value_unsafe().size();
      return true;
    case simdjson::ondemand::json_type::number:
      sink += static_cast<std::size_t>(value.get_double().value_unsafe());
      return true;
    case simdjson::ondemand::json_type::boolean:
      sink += value.get_bool().value_unsafe();
      return true;
    case simdjson::ondemand::json_type::object:
      for (auto field : value.get_object()) {
        sink += field.unescaped_key().value_unsafe().size();
        read_value(field.value(), sink);
      }
      return true;
    default:
      return false;
  }
}

void floor_of(benchmark::State& state, Form form) {
  const Load& events = load(form);
  simdjson::ondemand::parser parser;
  std::size_t sink = 0;
  for (auto _ : state) {
    for (std::string_view request : events.requests) {
      simdjson::ondemand::document_stream stream;
      MR_CHECK(!parser.iterate_many(request.data(), request.size(), 1 << 20).get(stream));
      for (auto document : stream) {
        for (auto field : document.get_object()) {
          sink += field.unescaped_key().value_unsafe().size();
          read_value(field.value(), sink);
        }
      }
    }
  }
  benchmark::DoNotOptimize(sink);
  report(state, events);
}

void ours(benchmark::State& state, Form form, std::uint16_t partitions) {
  const Load& events = load(form);
  EventParser parser(partitions, ParseLimits());
  ParsedBatch batch;
  std::size_t accepted = 0, rejected = 0;
  for (auto _ : state) {
    for (std::string_view request : events.requests) {
      MR_CHECK(parser.parse(request, {"default", "", 1, true}, batch).ok());
      accepted += batch.accepted;
      rejected += batch.rejected.size();
    }
  }
  MR_CHECK(accepted + rejected == static_cast<std::size_t>(state.iterations()) * kEvents);
  MR_CHECK((rejected > 0) == (form == Form::kMalformed));
  report(state, events);
}

BENCHMARK_CAPTURE(floor_of, usual, Form::kUsual)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ours, usual, Form::kUsual, 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ours, usual_4_partitions, Form::kUsual, 4)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(floor_of, shuffled, Form::kShuffled)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ours, shuffled, Form::kShuffled, 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(floor_of, escapes, Form::kEscapes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ours, escapes, Form::kEscapes, 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(ours, malformed, Form::kMalformed, 1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace millrace
