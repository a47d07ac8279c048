#pragma once
// A hash over the contents of every column of a row, the same whether computed from the log or, in SQL, by the store.
// The hash of a range is the sum of its rows' hashes modulo 2^64: it doesn't depend on their order.
//
// XXH3-64 (seed 0) of these, each as text and followed by one byte 0x1F:
//   project, event, user_id, anonymous_id, session_id, message_id, properties, context, then as decimal numbers
//   time, sent (0 when there is none), received, generation, partition, sequence
// In ClickHouse's SQL: xxh3(concat(project, char(31), …)).

#include <cstdint>

#include "model/event.h"

namespace millrace {

std::uint64_t row_hash(const EventView& event, const Place& place);

}  // namespace millrace
