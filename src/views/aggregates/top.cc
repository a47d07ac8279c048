#include "views/aggregates/top.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

namespace millrace {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;

// Cut so that it stays UTF-8.
std::string_view shown(std::string_view text) {
  if (text.size() <= TopState::kTextBytesMax) {
    return text;
  }
  std::size_t end = TopState::kTextBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  return text.substr(0, end);
}

bool more_frequent(const TopState::Counter& a, const TopState::Counter& b) {
  return a.count != b.count ? a.count > b.count : a.hash < b.hash;
}

}  // namespace

std::uint32_t TopState::find(std::uint64_t hash) const {
  if (slots_.empty()) {
    return kNone;
  }
  std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask; slots_[at] != 0; at = (at + 1) & mask) {
    if (counters_[slots_[at] - 1].hash == hash) {
      return slots_[at] - 1;
    }
  }
  return kNone;
}

void TopState::link(std::uint32_t counter) {
  std::size_t mask = slots_.size() - 1;
  std::size_t at = counters_[counter].hash & mask;
  while (slots_[at] != 0) {
    at = (at + 1) & mask;
  }
  slots_[at] = counter + 1;
}

// Closes the hole by moving back what it had pushed away.
void TopState::unlink(std::uint32_t counter) {
  std::size_t mask = slots_.size() - 1;
  std::size_t hole = counters_[counter].hash & mask;
  while (slots_[hole] != counter + 1) {
    hole = (hole + 1) & mask;
  }
  slots_[hole] = 0;
  for (std::size_t at = (hole + 1) & mask; slots_[at] != 0; at = (at + 1) & mask) {
    std::size_t home = counters_[slots_[at] - 1].hash & mask;
    if (((at - home) & mask) >= ((at - hole) & mask)) {
      slots_[hole] = std::exchange(slots_[at], 0);
      hole = at;
    }
  }
}

void TopState::rebuild() {
  slots_.assign(std::bit_ceil(std::max<std::size_t>(8, counters_.size() * 2 + 2)), 0);
  for (std::uint32_t i = 0; i < counters_.size(); ++i) {
    link(i);
  }
}

std::uint32_t TopState::take_least() {
  for (std::uint32_t looked = 0; looked < counters_.size(); ++looked) {
    std::uint32_t here = hand_;
    hand_ = hand_ + 1 == counters_.size() ? 0 : hand_ + 1;
    if (counters_[here].count == least_) {
      return here;
    }
  }
  auto fewer = [](const Counter& a, const Counter& b) { return a.count < b.count; };
  auto found = std::min_element(counters_.begin(), counters_.end(), fewer);
  least_ = found->count;
  hand_ = static_cast<std::uint32_t>(found - counters_.begin());
  return hand_;
}

std::size_t TopState::add(std::uint64_t hash, std::string_view text) {
  if (std::uint32_t known = find(hash); known != kNone) {
    ++counters_[known].count;
    return 0;
  }
  if (counters_.size() < counters_max_) {
    std::size_t before = heap_bytes();
    counters_.push_back({hash, 1, 0, std::string(shown(text))});
    counters_.size() * 2 > slots_.size() ? rebuild() : link(static_cast<std::uint32_t>(counters_.size() - 1));
    least_ = 1;
    return heap_bytes() - before;
  }
  std::uint32_t taken = take_least();
  unlink(taken);
  Counter& counter = counters_[taken];
  counter.hash = hash;
  counter.over = counter.count++;
  counter.text.assign(shown(text));
  link(taken);
  return 0;
}

std::uint64_t TopState::least() const {
  if (counters_.size() < counters_max_) {
    return 0;
  }
  auto fewer = [](const Counter& a, const Counter& b) { return a.count < b.count; };
  return std::min_element(counters_.begin(), counters_.end(), fewer)->count;
}

void TopState::combine(const TopState& other) {
  std::uint64_t ours = least();
  std::uint64_t theirs = other.least();
  std::vector<Counter> joined = counters_;
  for (Counter& counter : joined) {
    std::uint32_t same = other.find(counter.hash);
    counter.count += same == kNone ? theirs : other.counters_[same].count;
    counter.over += same == kNone ? theirs : other.counters_[same].over;
  }
  for (const Counter& counter : other.counters_) {
    if (find(counter.hash) == kNone) {
      joined.push_back(counter);
      joined.back().count += ours;
      joined.back().over += ours;
    }
  }
  std::sort(joined.begin(), joined.end(), more_frequent);
  joined.resize(std::min<std::size_t>(joined.size(), counters_max_));
  counters_ = std::move(joined);
  least_ = hand_ = 0;
  rebuild();
}

std::vector<TopState::Counter> TopState::most_frequent(std::size_t k) const {
  std::vector<Counter> sorted = counters_;
  std::sort(sorted.begin(), sorted.end(), more_frequent);
  sorted.resize(std::min(k, sorted.size()));
  return sorted;
}

void TopState::finalize(JsonWriter& json, std::uint32_t k) const {
  json.begin_array();
  for (const Counter& counter : most_frequent(k)) {
    json.begin_array().string(counter.text).unsigned_integer(counter.count).end_array();
  }
  json.end_array();
}

// Texts are counted by the room that they may come to take: what is replaced in a counter must not change it.
std::size_t TopState::heap_bytes() const {
  constexpr std::size_t kTypicalText = 40;
  return counters_.size() * (sizeof(Counter) + kTypicalText) + slots_.size() * sizeof(std::uint32_t);
}

void TopState::append_to(std::string& bytes) const {
  append_le(bytes, static_cast<std::uint32_t>(counters_.size()));
  for (const Counter& counter : counters_) {
    append_le(bytes, counter.hash);
    append_le(bytes, counter.count);
    append_le(bytes, counter.over);
    append_le(bytes, static_cast<std::uint16_t>(counter.text.size()));
    bytes.append(counter.text);
  }
  append_le(bytes, least_);
  append_le(bytes, hand_);
}

Result<void> TopState::read(ByteReader& reader) {
  auto count = reader.number<std::uint32_t>();
  if (count > counters_max_) {
    return corrupt("it has too many counters");
  }
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    Counter counter;
    counter.hash = reader.number<std::uint64_t>();
    counter.count = reader.number<std::uint64_t>();
    counter.over = reader.number<std::uint64_t>();
    counter.text = reader.take(reader.number<std::uint16_t>());
    if (find(counter.hash) != kNone) {
      return corrupt("a counter is there twice");
    }
    counters_.push_back(std::move(counter));
    counters_.size() * 2 > slots_.size() ? rebuild() : link(i);
  }
  least_ = reader.number<std::uint64_t>();
  hand_ = reader.number<std::uint32_t>();
  if (hand_ > 0 && hand_ >= counters_.size()) {
    return corrupt("its hand points nowhere");
  }
  return {};
}

}  // namespace millrace
