#pragma once
// The newest rows, as they are folded, for whoever watches: a few of each moment, and how many were left out. Costs
// nothing while nobody watches. Safe from any thread.

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/event.h"
#include "views/field_reader.h"
#include "views/filter.h"

namespace millrace {

// One JSON object, as GET /v1/events shows an event.
std::string event_json(const EventView& event, const Place& place);

class Tail {
 public:
  static constexpr std::size_t kSample = 50;  // between two calls of take()

  explicit Tail(Generation generation, std::vector<DeclaredField> declared = {})
      : generation_(generation), declared_(std::move(declared)) {}

  // Begins to watch; gives a number. kInvalid: the filter can't be asked.
  Result<std::size_t> watch(const std::string& project, const std::optional<Filter>& where);
  void unwatch(std::size_t number);

  struct Sample {
    std::vector<std::string> events;  // JSON, in the order in which they came
    std::uint64_t left_out = 0;
  };
  Sample take(std::size_t number);

  bool watched() const { return watched_.load(std::memory_order_relaxed) > 0; }
  void offer(const EventView& event, PartitionId partition, SequenceNumber sequence);

 private:
  struct Watch {
    explicit Watch(const std::vector<DeclaredField>& declared) : reader(declared) {}
    std::string project;
    FieldReader reader;
    std::optional<EventFilter> filter;
    Sample sample;
  };
  const Generation generation_;
  const std::vector<DeclaredField> declared_;
  std::atomic<int> watched_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Watch>> watches_;  // by number; null: free
};

}  // namespace millrace
