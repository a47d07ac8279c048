#include "query/as_of.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace {
namespace {

std::int64_t whole_ms(TimeNs time) { return time / 1'000'000; }

}  // namespace

AsOf take_as_of(const Progress& progress, const Stream& stream) { return {stream.generation(), progress.partitions()}; }

bool covers(const AsOf& as_of, const Position& needed) {
  return as_of.generation == needed.generation &&
         std::all_of(needed.ends.begin(), needed.ends.end(), [&](const Position::End& end) {
           return std::any_of(as_of.partitions.begin(), as_of.partitions.end(),
                              [&](const PartitionProgress& partition) {
                                return partition.partition == end.partition && partition.stored_until >= end.end;
                              });
         });
}

bool same_events(const AsOf& a, const AsOf& b) {
  return a.generation == b.generation &&
         std::equal(a.partitions.begin(), a.partitions.end(), b.partitions.begin(), b.partitions.end(),
                    [](const PartitionProgress& one, const PartitionProgress& other) {
                      return one.partition == other.partition && one.stored_until == other.stored_until;
                    });
}

Result<void> check_position(const Position& position, Stream& stream) {
  if (position.generation != stream.generation()) {
    return invalid(
        fmt::format("min_position: is of generation {}, this server's record is generation {}; pass the position "
                    "of an answer of POST /v1/events as it is",
                    position.generation.value, stream.generation().value));
  }
  for (const Position::End& end : position.ends) {
    if (end.partition.value >= stream.partitions() || end.end > stream.state(end.partition).durable_end) {
      return invalid(
          fmt::format("min_position: {}:{} lies behind the last accepted event; pass the position of an answer of "
                      "POST /v1/events as it is",
                      end.partition.value, end.end.value));
    }
  }
  return {};
}

void write_as_of(JsonWriter& json, const AsOf& as_of) {
  Position position{as_of.generation, {}};
  TimeNs lag = 0;
  for (const PartitionProgress& partition : as_of.partitions) {
    position.ends.push_back({partition.partition, partition.stored_until});
    lag = std::max(lag, partition.lag);
  }
  json.key("as_of").begin_object();
  json.key("position").string(format_position(position)).key("lag_ms").integer(whole_ms(lag));
  json.key("partitions").begin_array();
  for (const PartitionProgress& partition : as_of.partitions) {
    json.begin_object().key("partition").integer(partition.partition.value);
    json.key("stored_until").unsigned_integer(partition.stored_until.value);
    json.key("durable_end").unsigned_integer(partition.durable_end.value);
    json.key("lag_ms").integer(whole_ms(partition.lag)).end_object();
  }
  json.end_array().end_object();
}

}  // namespace millrace
