#pragma once
// The places of a partition that have no row: repeats, events that the store refused, events that were lost. Everything
// else below the position of the fold is a row, so that what the store should have can be told for any range without
// reading the log. Kept as ranges; what lies below the begin of the log is kept as a number.

#include <string>
#include <vector>

#include "base/result.h"
#include "stream/stream.h"

namespace millrace {

class Gaps {
 public:
  // Anywhere at or above the floor; what is a gap already stays one. Cheap at the end, slow elsewhere.
  void add(SequenceRange range);
  bool contains(SequenceNumber place) const;
  // Places in `range` that have no row. Exact where range.begin is 0, or the floor or more.
  std::uint64_t count(SequenceRange range) const;
  // Rows that belong into `range`.
  std::uint64_t rows(SequenceRange range) const { return range.end.value - range.begin.value - count(range); }

  SequenceNumber floor() const { return floor_; }
  // Keeps no more than the number of what lies below `floor`.
  void raise_floor(SequenceNumber floor);
  // The same, where the number is known from elsewhere (and what was known is not).
  void set_floor(SequenceNumber floor, std::uint64_t gaps_below);

  std::size_t ranges() const { return ranges_.size(); }

  // u64 floor, u64 gaps below it, u64 number of ranges, then for each range two LEB128 numbers: places between the end
  // of the range before (at first: the floor) and its begin, and its length.
  void append_to(std::string& bytes) const;
  static Result<Gaps> parse(std::string_view bytes);

 private:
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t before = 0;  // gaps below begin
  };
  std::uint64_t below(std::uint64_t place) const;
  void renumber(std::size_t from);

  SequenceNumber floor_;
  std::uint64_t below_floor_ = 0;
  std::vector<Range> ranges_;  // ascending, neither empty nor touching each other
};

// The parts of `range` that are not in `present` (ascending).
std::vector<SequenceRange> absent(SequenceRange range, const std::vector<SequenceNumber>& present);

}  // namespace millrace
