#include "stream/kafka/seen_messages.h"

#include <algorithm>
#include <utility>

namespace millrace {

bool NumberSet::insert(std::uint64_t number) {
  // The first range that ends at or behind the number: it holds it, ends right before it, or lies behind it. Ranges
  // never touch.
  auto at = std::lower_bound(ranges_.begin(), ranges_.end(), number,
                             [](const Range& range, std::uint64_t value) { return range.end < value; });
  if (at != ranges_.end() && at->begin <= number && number < at->end) {
    return false;
  }
  if (at != ranges_.end() && at->end == number) {
    auto next = at + 1;
    at->end = number + 1;
    if (next != ranges_.end() && next->begin == at->end) {
      at->end = next->end;
      ranges_.erase(next);
    }
    return true;
  }
  if (at != ranges_.end() && at->begin == number + 1) {
    at->begin = number;
    return true;
  }
  ranges_.insert(at, {number, number + 1});
  return true;
}

bool NumberSet::assign(std::vector<Range> ranges) {
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].begin >= ranges[i].end || (i > 0 && ranges[i - 1].end >= ranges[i].begin)) {
      return false;
    }
  }
  ranges_ = std::move(ranges);
  return true;
}

bool SeenMessages::first(const MessageInfo& info, TimeNs received) {
  auto [producer, is_new] = producers_.try_emplace(info.producer);
  producer->second.newest = received;
  if (is_new) {
    std::erase_if(producers_, [&](const auto& other) { return other.second.newest < received - kForgetAfter; });
  }
  return producers_[info.producer].numbers.insert(info.number);
}

std::uint64_t SeenMessages::next_number(std::uint64_t producer) const {
  auto known = producers_.find(producer);
  return known == producers_.end() || known->second.numbers.ranges().empty()
             ? 0
             : known->second.numbers.ranges().back().end;
}

void SeenMessages::encode(std::string& into) const {
  append_le(into, static_cast<std::uint32_t>(producers_.size()));
  for (const auto& [id, producer] : producers_) {
    append_le(into, id);
    append_le(into, producer.newest);
    append_le(into, static_cast<std::uint32_t>(producer.numbers.ranges().size()));
    for (const NumberSet::Range& range : producer.numbers.ranges()) {
      append_le(into, range.begin);
      append_le(into, range.end);
    }
  }
}

bool SeenMessages::decode(ByteReader& from) {
  producers_.clear();
  auto count = from.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && from.ok(); ++i) {
    Producer& producer = producers_[from.number<std::uint64_t>()];
    producer.newest = from.number<TimeNs>();
    auto ranges = from.number<std::uint32_t>();
    std::vector<NumberSet::Range> read;
    for (std::uint32_t k = 0; k < ranges && from.ok(); ++k) {
      auto begin = from.number<std::uint64_t>();
      read.push_back({begin, from.number<std::uint64_t>()});
    }
    if (!producer.numbers.assign(std::move(read))) {
      return false;
    }
  }
  return from.ok() && producers_.size() == count;
}

}  // namespace millrace
