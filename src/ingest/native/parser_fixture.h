#pragma once
// For tests: a body in, owned events and rejections out.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "ingest/native/event_parser.h"
#include "model/index_for_test.h"
#include "model/record.h"

namespace millrace {

inline constexpr TimeNs kReceived = 1'700'000'000'000'000'000;

struct OwnedEvent {
  PartitionId partition;
  std::string project, event, user_id, anonymous_id, session_id, id, properties, context, index;
  IdKind id_kind = IdKind::kNone;
  TimeNs time = 0, sent = 0;
};

struct Parsed {
  Result<void> result;
  std::vector<OwnedEvent> events;
  std::vector<std::pair<std::uint32_t, std::string>> rejected;
  std::vector<std::string> raw;
};

inline std::vector<OwnedEvent> events_of(const ParsedBatch& batch) {
  std::vector<OwnedEvent> events;
  for (std::size_t i = 0; i < batch.partitions.size(); ++i) {
    if (batch.partitions[i].record.empty()) {
      EXPECT_EQ(batch.partitions[i].events, 0u);
      continue;
    }
    RecordCursor cursor(batch.partitions[i].record, kReceived);
    std::uint32_t count = 0;
    while (cursor.next()) {
      const EventView& e = cursor.event();
      events.push_back({PartitionId(static_cast<std::uint16_t>(i)), std::string(e.project), std::string(e.event),
                        std::string(e.user_id), std::string(e.anonymous_id), std::string(e.session_id),
                        std::string(e.id), std::string(e.properties), std::string(e.context),
                        std::string(e.property_index), e.id_kind, e.time, e.sent});
      EXPECT_EQ(events.back().index, index_of(e.properties)) << e.properties;
      ++count;
    }
    EXPECT_TRUE(cursor.status().ok());
    EXPECT_EQ(count, batch.partitions[i].events);
  }
  EXPECT_EQ(events.size(), batch.accepted);
  return events;
}

struct ParseAs {
  std::uint16_t partitions = 1;
  ParseLimits limits;
  std::string_view idempotency_key;
  bool lines_only = false;
};

// The body is copied to memory of its own with exactly 64 spare bytes, so that a read behind them is seen by ASan.
inline Parsed parse(std::string_view body, const ParseAs& as = {}) {
  std::vector<char> padded(body.begin(), body.end());
  padded.resize(body.size() + 64, 'x');
  EventParser parser(as.partitions, as.limits);
  ParsedBatch batch;
  ParseContext context{"default", as.idempotency_key, kReceived, as.lines_only};
  Parsed parsed{parser.parse({padded.data(), body.size()}, context, batch), {}, {}, {}};
  if (parsed.result.ok()) {
    parsed.events = events_of(batch);
    for (std::size_t i = 0; i < batch.rejected.size(); ++i) {
      parsed.rejected.emplace_back(batch.rejected[i].index, batch.reason(i));
      parsed.raw.emplace_back(batch.rejected[i].raw);
    }
  }
  return parsed;
}

// Of one good event.
inline OwnedEvent one(std::string_view body) {
  Parsed parsed = parse(body);
  EXPECT_TRUE(parsed.result.ok()) << body;
  EXPECT_TRUE(parsed.rejected.empty()) << body << ": " << (parsed.rejected.empty() ? "" : parsed.rejected[0].second);
  EXPECT_EQ(parsed.events.size(), 1u) << body;
  return parsed.events.size() == 1 ? parsed.events[0] : OwnedEvent();
}

// Why the one event was rejected; empty when it wasn't.
inline std::string why(std::string_view body) {
  Parsed parsed = parse(body);
  EXPECT_TRUE(parsed.result.ok()) << body;
  EXPECT_TRUE(parsed.events.empty()) << body;
  return parsed.rejected.size() == 1 ? parsed.rejected[0].second : "";
}

}  // namespace millrace
