#include "store/clickhouse/row_order.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <tuple>

namespace millrace::clickhouse {
namespace {

// Names are short as a rule; std::hash is a call and a loop.
std::size_t hash_of(std::string_view text) {
  constexpr std::uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  std::size_t size = text.size();
  std::uint64_t first = 0, last = 0;
  if (size > 16) return std::hash<std::string_view>()(text);
  if (size >= 8) {
    first = load_le<std::uint64_t>(text.data());
    last = load_le<std::uint64_t>(text.data() + size - 8);
  } else if (size >= 4) {
    first = load_le<std::uint32_t>(text.data());
    last = load_le<std::uint32_t>(text.data() + size - 4);
  } else if (size > 0) {
    first = static_cast<unsigned char>(text[0]) | static_cast<unsigned char>(text[size / 2]) << 8;
    last = static_cast<unsigned char>(text[size - 1]);
  }
  std::uint64_t hash = (first ^ size) * kOdd;
  hash = (hash ^ hash >> 32 ^ last) * kOdd;
  return hash ^ hash >> 29;
}

}  // namespace

std::span<const std::uint32_t> RowOrder::sort(const EventBatch& batch, std::size_t begin, std::size_t end) {
  groups_.clear();
  std::fill(slots_.begin(), slots_.end(), 0);
  group_of_row_.resize(end - begin);
  for (std::size_t row = begin; row < end; ++row) {
    std::uint32_t group = group_of(batch.project.at(row), batch.event.at(row));
    group_of_row_[row - begin] = group;
    ++groups_[group].rows;
  }
  by_name_.resize(groups_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0);
  std::sort(by_name_.begin(), by_name_.end(), [this](std::uint32_t a, std::uint32_t b) {
    return std::tie(groups_[a].project, groups_[a].event) < std::tie(groups_[b].project, groups_[b].event);
  });
  std::uint32_t at = 0;
  for (std::uint32_t group : by_name_) {
    groups_[group].next = at;
    at += groups_[group].rows;
  }
  order_.resize(end - begin);
  for (std::size_t row = begin; row < end; ++row) {
    order_[groups_[group_of_row_[row - begin]].next++] = static_cast<std::uint32_t>(row);
  }
  for (const Group& group : groups_) {
    sort_times(batch, std::span(order_).subspan(group.next - group.rows, group.rows));
  }
  return order_;
}

void RowOrder::sort_times(const EventBatch& batch, std::span<std::uint32_t> rows) {
  auto earlier = [&](std::uint32_t a, std::uint32_t b) { return batch.time[a] < batch.time[b]; };
  if (std::is_sorted(rows.begin(), rows.end(), earlier)) return;
  times_.clear();
  for (std::uint32_t row : rows) times_.emplace_back(batch.time[row], row);
  std::sort(times_.begin(), times_.end());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = times_[i].second;
}

std::uint32_t RowOrder::group_of(std::string_view project, std::string_view event) {
  if (groups_.size() * 2 >= slots_.size()) grow();
  std::size_t hash = hash_of(project) * 31 + hash_of(event);
  std::size_t at = hash & (slots_.size() - 1);
  for (; slots_[at] != 0; at = (at + 1) & (slots_.size() - 1)) {
    const Group& group = groups_[slots_[at] - 1];
    if (group.hash == hash && group.event == event && group.project == project) return slots_[at] - 1;
  }
  groups_.push_back({project, event, hash});
  slots_[at] = static_cast<std::uint32_t>(groups_.size());
  return slots_[at] - 1;
}

void RowOrder::grow() {
  slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), 0);
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    std::size_t at = groups_[group].hash & (slots_.size() - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = static_cast<std::uint32_t>(group + 1);
  }
}

}  // namespace millrace::clickhouse
