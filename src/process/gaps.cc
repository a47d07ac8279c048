#include "process/gaps.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace millrace {
namespace {

void append_leb128(std::string& to, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) {
    to.push_back(static_cast<char>(number | 0x80));
  }
  to.push_back(static_cast<char>(number));
}

std::uint64_t read_leb128(ByteReader& from) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    auto byte = from.number<std::uint8_t>();
    number |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) {
      break;
    }
  }
  return number;
}

}  // namespace

void Gaps::renumber(std::size_t from) {
  std::uint64_t before =
      from == 0 ? below_floor_ : ranges_[from - 1].before + ranges_[from - 1].end - ranges_[from - 1].begin;
  for (std::size_t i = from; i < ranges_.size(); ++i) {
    ranges_[i].before = before;
    before += ranges_[i].end - ranges_[i].begin;
  }
}

void Gaps::add(SequenceRange range) {
  std::uint64_t begin = range.begin.value;
  std::uint64_t end = range.end.value;
  if (begin >= end) {
    return;
  }
  MR_CHECK(range.begin >= floor_);
  // The ranges that touch the new one become one with it.
  auto first = std::partition_point(ranges_.begin(), ranges_.end(), [&](const Range& at) { return at.end < begin; });
  auto last = std::partition_point(first, ranges_.end(), [&](const Range& at) { return at.begin <= end; });
  std::size_t index = static_cast<std::size_t>(first - ranges_.begin());
  if (first == last) {
    ranges_.insert(first, Range{begin, end, 0});
  } else {
    first->begin = std::min(first->begin, begin);
    first->end = std::max(std::prev(last)->end, end);
    ranges_.erase(std::next(first), last);
  }
  renumber(index);
}

std::uint64_t Gaps::below(std::uint64_t place) const {
  if (place <= floor_.value) {
    return place == 0 ? 0 : below_floor_;
  }
  auto after = std::partition_point(ranges_.begin(), ranges_.end(), [&](const Range& at) { return at.begin < place; });
  if (after == ranges_.begin()) {
    return below_floor_;
  }
  const Range& range = *std::prev(after);
  return range.before + std::min(range.end, place) - range.begin;
}

bool Gaps::contains(SequenceNumber place) const {
  auto range =
      std::partition_point(ranges_.begin(), ranges_.end(), [&](const Range& at) { return at.end <= place.value; });
  return range != ranges_.end() && range->begin <= place.value;
}

std::uint64_t Gaps::count(SequenceRange range) const {
  return range.begin < range.end ? below(range.end.value) - below(range.begin.value) : 0;
}

void Gaps::raise_floor(SequenceNumber floor) {
  if (floor <= floor_) {
    return;
  }
  std::uint64_t gaps_below = below(floor.value);
  auto kept =
      std::partition_point(ranges_.begin(), ranges_.end(), [&](const Range& at) { return at.end <= floor.value; });
  ranges_.erase(ranges_.begin(), kept);
  if (!ranges_.empty()) {
    ranges_.front().begin = std::max(ranges_.front().begin, floor.value);
  }
  floor_ = floor;
  below_floor_ = gaps_below;
  renumber(0);
}

void Gaps::set_floor(SequenceNumber floor, std::uint64_t gaps_below) {
  raise_floor(floor);
  below_floor_ = gaps_below;
  renumber(0);
}

void Gaps::append_to(std::string& bytes) const {
  append_le(bytes, floor_.value);
  append_le(bytes, below_floor_);
  append_le(bytes, static_cast<std::uint64_t>(ranges_.size()));
  std::uint64_t at = floor_.value;
  for (const Range& range : ranges_) {
    append_leb128(bytes, range.begin - at);
    append_leb128(bytes, range.end - range.begin);
    at = range.end;
  }
}

Result<Gaps> Gaps::parse(std::string_view bytes) {
  ByteReader reader(bytes);
  Gaps gaps;
  gaps.floor_ = SequenceNumber(reader.number<std::uint64_t>());
  gaps.below_floor_ = reader.number<std::uint64_t>();
  auto ranges = reader.number<std::uint64_t>();
  std::uint64_t at = gaps.floor_.value;
  for (std::uint64_t i = 0; i < ranges && reader.ok(); ++i) {
    std::uint64_t begin = at + read_leb128(reader);
    at = begin + read_leb128(reader);
    if (at <= begin || (i > 0 && begin <= gaps.ranges_.back().end)) {
      return corrupt("the ranges of places without a row are not in order");
    }
    gaps.ranges_.push_back({begin, at, 0});
  }
  if (!reader.ok() || !reader.rest().empty()) {
    return corrupt("the list of places without a row ends too early or too late");
  }
  gaps.renumber(0);
  return gaps;
}

std::vector<SequenceRange> absent(SequenceRange range, const std::vector<SequenceNumber>& present) {
  std::vector<SequenceRange> runs;
  SequenceNumber at = range.begin;
  for (auto place = std::lower_bound(present.begin(), present.end(), range.begin);
       place != present.end() && *place < range.end; ++place) {
    if (at < *place) {
      runs.push_back({at, *place});
    }
    at = place->plus(1);
  }
  if (at < range.end) {
    runs.push_back({at, range.end});
  }
  return runs;
}

}  // namespace millrace
