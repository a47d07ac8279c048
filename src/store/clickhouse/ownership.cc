#include "store/clickhouse/ownership.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/bytes.h"
#include "store/clickhouse/sql_text.h"

namespace millrace::clickhouse {

std::string select_takeovers(const std::string& table) {
  return fmt::format(
      "SELECT generation, `partition`, epoch, min(first), max(swept), max(recorded) >= now64(3) - INTERVAL 1 DAY, "
      "max(claim) FROM "
      "{} GROUP BY generation, `partition`, epoch ORDER BY generation, `partition`, epoch",
      table);
}

Result<std::vector<RecordedTakeover>> parse_takeovers(std::string_view body) {
  std::vector<RecordedTakeover> takeovers;
  ByteReader reader(body);
  while (reader.ok() && !reader.rest().empty()) {
    RecordedTakeover recorded;
    recorded.generation = Generation(reader.number<std::uint32_t>());
    recorded.takeover.partition = PartitionId(reader.number<std::uint16_t>());
    recorded.takeover.epoch = Epoch(reader.number<std::uint32_t>());
    recorded.takeover.first = SequenceNumber(reader.number<std::uint64_t>());
    recorded.swept = reader.number<std::uint8_t>() != 0;
    recorded.recent = reader.number<std::uint8_t>() != 0;
    recorded.takeover.claim = reader.number<std::uint64_t>();
    takeovers.push_back(recorded);
  }
  if (!reader.ok()) return unavailable("the store's list of owners ends in the middle of a row");
  return takeovers;
}

std::string query_prefix(Generation generation, PartitionId partition) {
  return fmt::format("millrace-{}-{}-", generation.value, partition.value);
}

std::string inserts_of(Generation generation, PartitionId partition) {
  return "query_id LIKE " + quote_string(query_prefix(generation, partition) + "%");
}

CopyMark take_copy_mark(std::vector<RecordedTakeover>& takeovers) {
  CopyMark mark;
  std::erase_if(takeovers, [&mark](const RecordedTakeover& recorded) {
    if (recorded.generation != kCopyMark) return false;
    mark.number = std::max(mark.number, recorded.takeover.epoch.value);
    mark.open = mark.open || !recorded.swept;
    return true;
  });
  return mark;
}

std::string disowned_rows(const RecordedTakeover& recorded) {
  return fmt::format("generation = {} AND `partition` = {} AND epoch < {} AND sequence >= {}",
                     recorded.generation.value, recorded.takeover.partition.value, recorded.takeover.epoch.value,
                     recorded.takeover.first.value);
}

std::string owned_rows(const std::vector<RecordedTakeover>& takeovers) {
  std::string condition;
  for (const RecordedTakeover& recorded : takeovers) {
    condition += (condition.empty() ? "NOT (" : " AND NOT (") + disowned_rows(recorded) + ")";
  }
  return condition;
}

}  // namespace millrace::clickhouse
