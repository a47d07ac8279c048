#pragma once
// What the log was seen to hold, from its first event on. What was durable once must stay so, with the same contents.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ledger.h"
#include "stream/stream.h"

namespace millrace {

struct ShadowEvent {
  std::uint64_t number = 0;  // of the event in the ledger
  TimeNs time = 0, received = 0;
  std::uint64_t record = 0;  // the sequence of its record's first event
  std::string properties;
};

class Shadow {
 public:
  explicit Shadow(const Ledger& ledger) : ledger_(ledger) {}

  // Reads what is new in the log (all of it with `again`, and compares); gives what is wrong.
  std::optional<std::string> look(Stream& stream, PartitionId partition, bool again);
  const std::vector<ShadowEvent>& events() const { return events_; }
  std::uint64_t size() const { return events_.size(); }

 private:
  std::optional<std::string> take(const EventView& event, std::uint64_t place, std::uint64_t record);

  const Ledger& ledger_;
  std::vector<ShadowEvent> events_;  // by sequence
};

}  // namespace millrace
