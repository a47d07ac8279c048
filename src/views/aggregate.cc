#include "views/aggregate.h"

#include <new>

#include <fmt/format.h>

#include "base/time_format.h"
#include "views/aggregates/count.h"
#include "views/aggregates/mean.h"
#include "views/aggregates/min_max.h"
#include "views/aggregates/quantile.h"
#include "views/aggregates/sum.h"
#include "views/aggregates/top.h"
#include "views/aggregates/uniq.h"

namespace millrace {
namespace {

template <typename State>
class AggregateOf final : public Aggregate {
 public:
  explicit AggregateOf(const ViewMeasure& measure) : counters_(TopState::counters_for(measure.top)) {}

  std::size_t bytes() const override { return sizeof(State); }
  void init(void* state) const override {
    if constexpr (std::is_constructible_v<State, std::uint32_t>) {
      new (state) State(counters_);
    } else {
      new (state) State();
    }
  }
  void destroy(void* state) const override { at(state).~State(); }
  std::size_t update(void* state, const FieldValue& value) const override { return at(state).update(value); }
  void combine(void* state, const void* other) const override { at(state).combine(at(other)); }
  void finalize(const void* state, const ViewMeasure& measure, JsonWriter& json) const override {
    if constexpr (std::is_same_v<State, QuantileState>) {
      at(state).finalize(json, measure.quantile);
    } else if constexpr (std::is_same_v<State, TopState>) {
      at(state).finalize(json, measure.top);
    } else {
      at(state).finalize(json);
    }
  }
  std::size_t heap_bytes(const void* state) const override { return at(state).heap_bytes(); }
  std::uint8_t version() const override { return State::kVersion; }
  void append_to(const void* state, std::string& bytes) const override { at(state).append_to(bytes); }
  Result<void> read(void* state, ByteReader& reader) const override { return at(state).read(reader); }

 private:
  static State& at(void* state) { return *std::launder(static_cast<State*>(state)); }
  static const State& at(const void* state) { return *std::launder(static_cast<const State*>(state)); }
  std::uint32_t counters_;
};

using Make = std::unique_ptr<Aggregate> (*)(const ViewMeasure&);
template <typename State>
constexpr Make kMake = [](const ViewMeasure& measure) -> std::unique_ptr<Aggregate> {
  return std::make_unique<AggregateOf<State>>(measure);
};

// In the order of ViewMeasure::Kind.
constexpr Make kAggregates[] = {kMake<CountState>, kMake<UniqState>, kMake<SumState>,      kMake<MeanState>,
                                kMake<MinState>,   kMake<MaxState>,  kMake<QuantileState>, kMake<TopState>};

}  // namespace

TimeNs grain_ns(Every grain) {
  switch (grain) {
    case Every::kOneSecond:
      return kSecond;
    case Every::kFiveMinutes:
      return 300 * kSecond;
    case Every::kFifteenMinutes:
      return 900 * kSecond;
    default:
      return 60 * kSecond;
  }
}

AggregateRow::AggregateRow(const std::vector<ViewMeasure>& measures, const std::vector<std::size_t>& fields)
    : measures_(measures) {
  for (std::size_t i = 0; i < measures.size(); ++i) {
    const ViewMeasure& measure = measures[i];
    std::size_t found = 0;
    while (found < parts_.size() && !(parts_[found].kind == measure.kind && parts_[found].field == fields[i] &&
                                      parts_[found].top == measure.top)) {
      ++found;
    }
    part_of_.push_back(found);
    if (found == parts_.size()) {
      parts_.push_back(
          {kAggregates[static_cast<std::size_t>(measure.kind)](measure), bytes_, fields[i], measure.kind, measure.top});
      bytes_ += (parts_.back().aggregate->bytes() + 7) & ~std::size_t{7};
    }
  }
}

void AggregateRow::init(std::byte* row) const {
  for (const Part& part : parts_) {
    part.aggregate->init(row + part.at);
  }
}

void AggregateRow::destroy(std::byte* row) const {
  for (const Part& part : parts_) {
    part.aggregate->destroy(row + part.at);
  }
}

void AggregateRow::combine(std::byte* row, const std::byte* other) const {
  for (const Part& part : parts_) {
    part.aggregate->combine(row + part.at, other + part.at);
  }
}

void AggregateRow::finalize(const std::byte* row, std::size_t measure, JsonWriter& json) const {
  const Part& part = parts_[part_of_[measure]];
  part.aggregate->finalize(row + part.at, measures_[measure], json);
}

std::size_t AggregateRow::heap_bytes(const std::byte* row) const {
  std::size_t bytes = 0;
  for (const Part& part : parts_) {
    bytes += part.aggregate->heap_bytes(row + part.at);
  }
  return bytes;
}

void AggregateRow::append_to(const std::byte* row, std::string& bytes) const {
  for (const Part& part : parts_) {
    append_le(bytes, part.aggregate->version());
    part.aggregate->append_to(row + part.at, bytes);
  }
}

Result<void> AggregateRow::read(std::byte* row, ByteReader& reader) const {
  for (const Part& part : parts_) {
    auto version = reader.number<std::uint8_t>();
    if (version > part.aggregate->version()) {
      return invalid(fmt::format("a state of a view has version {}, this program reads up to {}", version,
                                 part.aggregate->version()));
    }
    MR_TRY(part.aggregate->read(row + part.at, reader));
  }
  return reader.ok() ? Result<void>() : Result<void>(corrupt("a state of a view is cut"));
}

}  // namespace millrace
