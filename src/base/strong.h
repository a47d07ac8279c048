#pragma once
// Numbers that mean different things have different types, so that a partition can't be passed as an epoch.

#include <compare>
#include <cstdint>

namespace millrace {

template <typename Tag, typename Number>
struct Strong {
  using number_type = Number;
  Number value = 0;

  constexpr Strong() = default;
  constexpr explicit Strong(Number number) : value(number) {}
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;

  // The number that lies `steps` after this one.
  constexpr Strong plus(Number steps) const { return Strong(value + steps); }
};

// Counts the times that the record of events began anew (another kind of stream, another number of partitions).
using Generation = Strong<struct GenerationTag, std::uint32_t>;
// A partition of the stream, 0 … N-1.
using PartitionId = Strong<struct PartitionIdTag, std::uint16_t>;
// The place of one event in its partition: 0 for the first event of a generation, then without gaps.
using SequenceNumber = Strong<struct SequenceNumberTag, std::uint64_t>;
// Events of one partition, half open.
struct SequenceRange {
  SequenceNumber begin;
  SequenceNumber end;
  friend bool operator==(const SequenceRange&, const SequenceRange&) = default;
};
// Counts the owners of a partition, one after the other. The first is 1.
using Epoch = Strong<struct EpochTag, std::uint32_t>;

// Nanoseconds since 1970-01-01T00:00:00Z.
using TimeNs = std::int64_t;
inline constexpr TimeNs kNoTime = INT64_MIN;

}  // namespace millrace
