#include "store/clickhouse/store_copy.h"

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/format.h>

namespace millrace::clickhouse {
namespace {

constexpr std::uint64_t kPieceBytes = 64 << 20;
constexpr std::uint64_t kParts = 8;               // that a range is taken apart into
constexpr std::uint64_t kWindowRows = 5'000'000;  // hashed at once
constexpr TimeNs kDayNs = 86'400 * 1'000'000'000LL;
constexpr TimeNs kEver = std::numeric_limits<TimeNs>::max();

std::uint64_t size(const PlaceRange& range) { return range.places.end.value - range.places.begin.value; }

// [begin + offset, begin + offset + places), no further than the range.
PlaceRange part(const PlaceRange& range, std::uint64_t offset, std::uint64_t places) {
  SequenceNumber begin = range.places.begin.plus(offset);
  return {range.generation, range.partition, {begin, std::min(begin.plus(places), range.places.end)}};
}

}  // namespace

Result<void> StoreCopy::tell() {
  if (!go_on_(progress_)) return unavailable("it was told to stop");
  return {};
}

Result<Contents> StoreCopy::bring(const PlaceRange& range, SequenceNumber empty_from) {
  Contents sum;
  const std::uint64_t step_places = piece_places_ * kParts;  // compared at once
  for (std::uint64_t offset = 0; offset < size(range); offset += step_places) {
    PlaceRange step = part(range, offset, step_places);
    MR_ASSIGN(Contents brought, bring_part(step, step.places.begin >= empty_from));
    sum.add(brought);
  }
  return sum;
}

Result<Contents> StoreCopy::bring_parts(const PlaceRange& range, bool target_empty) {
  Contents sum;
  std::uint64_t places = (size(range) + kParts - 1) / kParts;
  for (std::uint64_t offset = 0; offset < size(range); offset += places) {
    MR_ASSIGN(Contents brought, bring_part(part(range, offset, places), target_empty));
    sum.add(brought);
  }
  return sum;
}

Result<Contents> StoreCopy::bring_part(const PlaceRange& range, bool target_empty) {
  if (target_empty && size(range) > piece_places_) return bring_parts(range, true);
  MR_ASSIGN(Contents wanted, from_.contents(range));
  bool same = target_empty && wanted.rows == 0;
  if (!target_empty) {
    MR_ASSIGN(Contents found, to_.contents(range));
    same = found.same_rows(wanted);
  }
  bool small = size(range) == 1 || (size(range) <= piece_places_ && wanted.bytes <= kPieceBytes);
  if (!same && !small) return bring_parts(range, target_empty);
  if (!same) {
    MR_TRY(copy(range, wanted, target_empty));
    progress_.copied += wanted.rows;
  }
  progress_.rows += wanted.rows;
  MR_TRY(tell());
  return wanted;
}

Result<void> StoreCopy::copy(const PlaceRange& range, const Contents& wanted, bool target_empty) {
  if (!target_empty) MR_TRY(to_.remove(range));  // rows that don't count too
  if (wanted.rows > 0) {
    MR_ASSIGN(std::string rows, from_.read(range));
    MR_TRY(to_.write(range, rows));
  }
  MR_ASSIGN(Contents found, to_.contents(range));
  if (found.same_rows(wanted)) return {};
  return unavailable(fmt::format("{} has {} rows of partition {} in [{}, {}) after they were copied, {} has {}",
                                 to_.name(), found.rows, range.partition.value, range.places.begin.value,
                                 range.places.end.value, from_.name(), wanted.rows));
}

// Few small days together; of a large day, a piece at a time.
std::vector<StoreCopy::Window> StoreCopy::windows(const std::vector<ComparedDay>& days) {
  std::vector<Window> windows;
  for (const ComparedDay& day : days) {
    std::uint64_t rows = std::max(day.from.rows, day.to.rows);
    TimeNs begin = day.day * kDayNs;
    if (!windows.empty() && windows.back().rows + rows <= kWindowRows) {
      windows.back().rows += rows;
      windows.back().to = begin + kDayNs;
      continue;
    }
    auto pieces = static_cast<TimeNs>(rows / kWindowRows + 1);
    for (TimeNs i = 0; i < pieces; ++i) {
      windows.push_back({begin + kDayNs / pieces * i,
                         i + 1 == pieces ? begin + kDayNs : begin + kDayNs / pieces * (i + 1),
                         rows / static_cast<std::uint64_t>(pieces)});
    }
  }
  return windows;
}

Result<std::vector<ComparedDay>> StoreCopy::compare(const std::vector<PlaceRange>& ranges) {
  auto ask = [&](TimeNs from, TimeNs to, bool with_hash, std::map<std::int64_t, ComparedDay>& days) -> Result<void> {
    MR_ASSIGN(std::vector<DayContents> source, from_.days(ranges, from, to, with_hash));
    MR_ASSIGN(std::vector<DayContents> target, to_.days(ranges, from, to, with_hash));
    for (const DayContents& day : source) days[day.day].from.add(day.contents);
    for (const DayContents& day : target) days[day.day].to.add(day.contents);
    return {};
  };
  auto listed = [](const std::map<std::int64_t, ComparedDay>& days) {
    std::vector<ComparedDay> list;
    for (const auto& [day, compared] : days) list.push_back({day, compared.from, compared.to});
    return list;
  };
  std::map<std::int64_t, ComparedDay> counted, hashed;
  MR_TRY(ask(0, kEver, false, counted));
  for (const Window& window : windows(listed(counted))) {
    MR_TRY(ask(window.from, window.to, true, hashed));
    progress_.compared += window.rows;
    MR_TRY(tell());
  }
  return listed(hashed);
}

}  // namespace millrace::clickhouse
