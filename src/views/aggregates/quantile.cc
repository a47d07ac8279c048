#include "views/aggregates/quantile.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace millrace {
namespace {

constexpr int kStepBits = 7;  // 128 steps each power of two
constexpr std::int32_t kShift = 52 - kStepBits;
// Steps are numbered from 1 (magnitude 2^-40) upwards; 0 is zero; those of negative numbers are below 0.
constexpr std::int32_t kBase = ((1023 - 40) << kStepBits) - 1;
constexpr std::int32_t kStepMax = ((1023 + 80) << kStepBits) - kBase;

std::int32_t step_of(double number) {
  auto bits = std::bit_cast<std::uint64_t>(number) & INT64_MAX;
  auto step = static_cast<std::int32_t>(bits >> kShift) - kBase;
  step = std::clamp(step, 0, kStepMax);
  return number < 0 ? -step : step;
}

double begin_of(std::int32_t step) {
  if (step == 0) {
    return 0;
  }
  auto bits = static_cast<std::uint64_t>(std::abs(step) + kBase) << kShift;
  return std::copysign(std::bit_cast<double>(bits), step);
}

}  // namespace

std::size_t QuantileState::add(double number, std::uint64_t times) { return add_step(step_of(number), times); }

std::size_t QuantileState::add_step(std::int32_t step, std::uint64_t times) {
  count_ += times;
  if (auto at = static_cast<std::size_t>(step - first_); at < counts_.size()) {
    counts_[at] += times;
    return 0;
  }
  std::size_t before = heap_bytes();
  if (counts_.empty()) {
    for (Step& one : few_) {
      if (one.number == step) {
        one.count += times;
        return 0;
      }
    }
    if (few_.size() < kFewMax) {
      few_.push_back({step, times});
      return heap_bytes() - before;
    }
    std::vector<Step> few = std::move(few_);
    few_ = {};
    for (const Step& one : few) {
      make_room(one.number);
      counts_[static_cast<std::size_t>(one.number - first_)] += one.count;
    }
  }
  make_room(step);
  counts_[static_cast<std::size_t>(step - first_)] += times;
  std::size_t after = heap_bytes();
  return after > before ? after - before : 0;
}

// Grows by blocks of 64 steps, so that few events make it grow.
void QuantileState::make_room(std::int32_t step) {
  constexpr std::int32_t kBlock = 64;
  std::int32_t begin = step & ~(kBlock - 1);
  std::int32_t end = begin + kBlock;
  if (counts_.empty()) {
    first_ = begin;
    counts_.resize(kBlock);
    return;
  }
  std::int32_t last = first_ + static_cast<std::int32_t>(counts_.size());
  if (begin < first_) {
    counts_.insert(counts_.begin(), static_cast<std::size_t>(first_ - begin), 0);
    first_ = begin;
  } else if (end > last) {
    counts_.resize(static_cast<std::size_t>(end - first_));
  }
}

std::vector<QuantileState::Step> QuantileState::steps() const {
  std::vector<Step> all = few_;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] > 0) {
      all.push_back({first_ + static_cast<std::int32_t>(i), counts_[i]});
    }
  }
  std::sort(all.begin(), all.end(), [](const Step& a, const Step& b) { return a.number < b.number; });
  return all;
}

void QuantileState::combine(const QuantileState& other) {
  for (const Step& step : other.steps()) {
    add_step(step.number, step.count);
  }
}

double QuantileState::at(double level) const {
  double rank = level * static_cast<double>(count_ - 1);
  auto lower = static_cast<std::uint64_t>(rank);
  std::vector<Step> all = steps();
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    seen += all[i].count;
    if (seen > lower) {
      double here = begin_of(all[i].number);
      bool split = seen == lower + 1 && i + 1 < all.size();
      double next = split ? begin_of(all[i + 1].number) : here;
      return here + (next - here) * (rank - static_cast<double>(lower));
    }
  }
  return 0;
}

void QuantileState::finalize(JsonWriter& json, double level) const {
  count_ == 0 ? json.null() : json.number(at(level));
}

void QuantileState::append_to(std::string& bytes) const {
  std::vector<Step> all = steps();
  append_le(bytes, static_cast<std::uint32_t>(all.size()));
  for (const Step& step : all) {
    append_le(bytes, step.number);
    append_le(bytes, step.count);
  }
}

Result<void> QuantileState::read(ByteReader& reader) {
  auto count = reader.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    auto step = reader.number<std::int32_t>();
    auto times = reader.number<std::uint64_t>();
    if (step < -kStepMax || step > kStepMax || times == 0) {
      return corrupt("a step of a histogram can't be");
    }
    add_step(step, times);
  }
  return {};
}

}  // namespace millrace
