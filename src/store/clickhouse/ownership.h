#pragma once
// Which rows count: a row is left out once a newer owner took its partition over at or before its sequence.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace millrace::clickhouse {

struct RecordedTakeover {
  Generation generation;
  Takeover takeover;
  bool swept = false;   // what it disowned is deleted, durably
  bool recent = false;  // recorded within a day, by the store's clock
};

// "SELECT …" whose answer (RowBinary) parse_takeovers() reads, oldest first.
std::string select_takeovers(const std::string& table);
Result<std::vector<RecordedTakeover>> parse_takeovers(std::string_view body);

// How the ids of a partition's inserts begin, and the condition that finds those that are under way.
std::string query_prefix(Generation generation, PartitionId partition);
std::string inserts_of(Generation generation, PartitionId partition);

// Generations begin with 1. A row of generation 0 says that a copy from another store into this one was begun, and,
// once it is `swept`, that it has ended; its epoch counts the copies.
inline constexpr Generation kCopyMark{0};
struct CopyMark {
  std::uint32_t number = 0;  // of the newest copy; 0 when there was none
  bool open = false;         // it has not ended: what is here is not whole
};
// Takes the marks out of the list.
CopyMark take_copy_mark(std::vector<RecordedTakeover>& takeovers);

// A condition that is true for the rows that these takeovers leave in; empty when there are none.
std::string owned_rows(const std::vector<RecordedTakeover>& takeovers);
// The rows that one takeover disowns.
std::string disowned_rows(const RecordedTakeover& takeover);

}  // namespace millrace::clickhouse
