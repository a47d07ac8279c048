#pragma once
// Which partition an event belongs to. Part of the record's format: an event of one user must find the partition of the
// user's other events for as long as a generation of the stream lives. See docs/formats/record.md.

#include <cstdint>
#include <string_view>

#include "base/strong.h"

namespace millrace {

// XXH3-64 (seed 0) of the routing key's bytes.
std::uint64_t routing_hash(std::string_view routing_key);

// `partitions` is at least 1.
inline PartitionId partition_of(std::string_view routing_key, std::uint16_t partitions) {
  return PartitionId(static_cast<std::uint16_t>(routing_hash(routing_key) % partitions));
}

}  // namespace millrace
