#pragma once
// Makes one store hold what another holds, range by range, and shows by day that it does.

#include <cstdint>
#include <functional>
#include <vector>

#include "store/clickhouse/copy_side.h"

namespace millrace::clickhouse {

struct CopyProgress {
  std::uint64_t rows = 0;    // of those that were to be brought, found or copied
  std::uint64_t copied = 0;  // of them, copied now
  std::uint64_t compared = 0;
};

struct ComparedDay {
  std::int64_t day = 0;  // UTC, counted from 1970-01-01
  Contents from, to;
};

// Every step can be broken off at any moment and done again: what the target has is compared first, and what is not
// the same is deleted and copied.
class StoreCopy {
 public:
  // A piece has `piece_places` at most, fewer where they are large. `go_on` is asked after each; false ends the step
  // with kUnavailable.
  StoreCopy(CopySide& from, CopySide& to, std::uint64_t piece_places, std::function<bool(const CopyProgress&)> go_on)
      : from_(from), to_(to), piece_places_(piece_places), go_on_(std::move(go_on)) {}

  // After it the target has the source's rows of these places and no others; gives what they are. `empty_from`: the
  // target has nothing from this place on.
  Result<Contents> bring(const PlaceRange& range, SequenceNumber empty_from);
  // Of both sides, all days in which either has rows, ascending.
  Result<std::vector<ComparedDay>> compare(const std::vector<PlaceRange>& ranges);

 private:
  // Times of reception that are asked about at once.
  struct Window {
    TimeNs from = 0;
    TimeNs to = 0;
    std::uint64_t rows = 0;
  };

  Result<Contents> bring_part(const PlaceRange& range, bool target_empty);
  Result<Contents> bring_parts(const PlaceRange& range, bool target_empty);
  Result<void> copy(const PlaceRange& range, const Contents& wanted, bool target_empty);
  static std::vector<Window> windows(const std::vector<ComparedDay>& days);
  Result<void> tell();

  CopySide& from_;
  CopySide& to_;
  const std::uint64_t piece_places_;
  std::function<bool(const CopyProgress&)> go_on_;
  CopyProgress progress_;
};

}  // namespace millrace::clickhouse
