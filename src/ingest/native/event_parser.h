#pragma once
// Request bodies → records. The rules are in docs/guides/sending-events.md.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "ingest/native/event_reader.h"
#include "ingest/native/limits.h"
#include "ingest/native/structural_index.h"

namespace millrace {

// What a body became. Kept and used again, it keeps its memory.
class ParsedBatch {
 public:
  struct Partition {
    std::string record;  // empty when no event is in it
    std::uint32_t events = 0;
  };
  struct Rejected {
    std::uint32_t index;  // of the event in its request, from 0
    std::uint32_t reason_end;
    std::string_view raw;  // lies in the body
  };

  std::vector<Partition> partitions;
  std::uint32_t accepted = 0;
  std::vector<Rejected> rejected;

  std::string_view reason(std::size_t rejected_index) const;
  std::size_t record_bytes() const;
  std::size_t capacity() const;  // bytes of memory that are kept
  void clear(std::uint16_t partition_count);
  void reject(std::uint32_t index, std::string_view reason, std::string_view raw);

 private:
  std::string reasons_;
};

struct ParseContext {
  std::string_view project;
  std::string_view idempotency_key;  // empty: none
  TimeNs received = 0;
  bool lines_only =
      false;  // the sender says that it is NDJSON: it is never taken for one array or one object over several lines
};

// One thread at a time. Keeps its memory, so that in the steady state an event costs no allocation.
class EventParser {
 public:
  EventParser(std::uint16_t partitions, const ParseLimits& limits);

  // Replaces what is in `into`. Errors concern the request as a whole, and `into` is of no use then: kInvalid: an array
  // that isn't JSON; kNotFound: no event in it; kFull: more events than allowed.
  Result<void> parse(std::string_view body, const ParseContext& context, ParsedBatch& into);

 private:
  Result<void> parse_array(std::string_view body);
  Result<void> parse_elements(std::string_view text);
  bool parse_one_object(std::string_view text);
  void parse_lines(std::string_view text);
  void parse_window(std::string_view window);
  void parse_line_alone(std::string_view line);
  void parse_line(Tokens& tokens, std::string_view line);
  void finish_event(std::string_view raw);
  void take_event();
  void reject(std::string_view reason, std::string_view raw);
  void reject_too_large(std::string_view raw);
  bool too_many() const { return index_ > limits_.batch_events_max; }

  const std::uint16_t partitions_;
  const ParseLimits limits_;
  StructuralIndex structure_;
  EventReader reader_;
  std::string batch_id_;
  std::uint32_t spread_ = 0;  // events without a routing key go round

  // Of the body being parsed:
  const ParseContext* context_ = nullptr;
  ParsedBatch* into_ = nullptr;
  std::uint32_t index_ = 0;  // of the next event
};

}  // namespace millrace
