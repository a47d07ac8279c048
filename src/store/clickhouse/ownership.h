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
std::string select_takeovers(const std::string& database);
Result<std::vector<RecordedTakeover>> parse_takeovers(std::string_view body);

// A condition that is true for the rows that these takeovers leave in; empty when there are none.
std::string owned_rows(const std::vector<RecordedTakeover>& takeovers);
// The rows that one takeover disowns.
std::string disowned_rows(const RecordedTakeover& takeover);

}  // namespace millrace::clickhouse
