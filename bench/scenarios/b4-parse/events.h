#pragma once
// The events of B4, and what a parser of them prints: the same bytes for every parser, from a seed.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace b4 {

constexpr int kEventsARequest = 1'000;

enum class Form { kUsual, kShuffled, kEscapes, kMalformed };
constexpr const char* kForms[] = {"usual", "shuffled", "escapes", "malformed"};

// About 240 bytes. Malformed: one of a thousand lines breaks off.
inline std::string make_event(std::mt19937_64& random, Form form) {
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
  return json + (form == Form::kMalformed && random() % 1'000 == 0 ? ",\n" : "}\n");
}

struct Load {
  std::string text;  // with 64 spare bytes behind it
  std::vector<std::string_view> requests;
};

inline Load make_load(Form form, int events) {
  Load load;
  std::mt19937_64 random(1);
  std::vector<std::size_t> ends = {0};
  for (int i = 0; i < events; ++i) {
    load.text += make_event(random, form);
    if ((i + 1) % kEventsARequest == 0) {
      ends.push_back(load.text.size());
    }
  }
  load.text.append(64, '\0');
  for (std::size_t i = 1; i < ends.size(); ++i) {
    load.requests.push_back(std::string_view(load.text).substr(ends[i - 1], ends[i] - ends[i - 1]));
  }
  return load;
}

inline std::uint64_t allocations = 0;

inline double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Parses everything once to warm up, then for `seconds` of CPU time. `parse` takes a request and gives how many events
// it took.
template <typename Parse>
void measure(const char* name, const Load& load, Form form, double seconds, Parse parse) {
  std::size_t taken = 0;
  for (std::string_view request : load.requests) {
    taken += parse(request);
  }
  std::uint64_t allocated = allocations;
  double begin = cpu_now(), end = begin;
  int rounds = 0;
  while (end - begin < seconds) {
    for (std::string_view request : load.requests) {
      parse(request);
    }
    ++rounds;
    end = cpu_now();
  }
  double events = static_cast<double>(rounds) * static_cast<double>(load.requests.size()) * kEventsARequest;
  std::printf(
      "{\"case\":\"%s\",\"form\":\"%s\",\"ns_per_event\":%.2f,\"gb_per_s\":%.3f,\"allocations_per_event\":%.4f,"
      "\"taken\":%zu}\n",
      name, kForms[static_cast<int>(form)], (end - begin) * 1e9 / events,
      static_cast<double>(load.text.size() - 64) * rounds / (end - begin) / 1e9,
      static_cast<double>(allocations - allocated) / events, taken);
  std::fflush(stdout);
}

}  // namespace b4

// Every allocation of this program is counted. One translation unit includes this file.
void* operator new(std::size_t size) {
  ++b4::allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
