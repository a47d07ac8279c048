#include "views/view_state.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "base/check.h"
#include "views/field_hash.h"

namespace millrace {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr std::size_t kBucketBytes = 256;    // of memory, about, without its rows
constexpr std::size_t kCellExtraBytes = 16;  // slots, and what a chunk wastes
constexpr std::uint64_t kOtherHash = 0x6f74686572ULL;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

bool needs_number(ViewMeasure::Kind kind) {
  return kind != ViewMeasure::Kind::kCount && kind != ViewMeasure::Kind::kUniq && kind != ViewMeasure::Kind::kTop;
}

std::vector<std::size_t> add_measured(const ViewSpec& spec, FieldReader& reader) {
  std::vector<std::size_t> fields;
  for (const ViewMeasure& measure : spec.measures) {
    FieldRef field = measure.field;
    if (measure.kind == ViewMeasure::Kind::kCount) {
      field = FieldRef{FieldRef::Kind::kBase, "event", {}, "event"};
    }
    FieldReader::Needs needs{measure.kind == ViewMeasure::Kind::kTop, needs_number(measure.kind),
                             measure.kind == ViewMeasure::Kind::kUniq || measure.kind == ViewMeasure::Kind::kTop};
    fields.push_back(reader.add(field, needs));
  }
  return fields;
}

}  // namespace

Result<void> check_view(const ViewSpec& spec) {
  if (spec.grain < Every::kOneSecond || spec.grain > Every::kFifteenMinutes) {
    return invalid("the grain of a view is second, minute, 5_minutes or 15_minutes");
  }
  if (spec.measures.empty()) {
    return invalid("a view needs at least one measure, for instance count");
  }
  if (spec.horizon < grain_ns(spec.grain) || spec.horizon / grain_ns(spec.grain) > 100'000) {
    return invalid("the horizon of a view is 1 to 100,000 times its grain");
  }
  if (spec.where) {
    FieldReader reader;
    if (Result<EventFilter> filter = EventFilter::compile(*spec.where, reader); !filter.ok()) {
      return filter.error();
    }
  }
  return {};
}

ViewState::ViewState(const ViewSpec& spec, FieldReader& reader, std::size_t bytes_max)
    : spec_(spec),
      reader_(reader),
      grain_(grain_ns(spec.grain)),
      bytes_max_(bytes_max),
      measured_(add_measured(spec, reader)),
      aggregates_(spec.measures, measured_) {
  for (const FieldRef& field : spec.by) {
    dimensions_.push_back(reader.add(field, {true, false, false}));
  }
  if (spec.where) {
    Result<EventFilter> filter = EventFilter::compile(*spec.where, reader);
    MR_CHECK(filter.ok());
    filter_.emplace(std::move(*filter));
  }
}

ViewState::~ViewState() {
  while (!buckets_.empty()) {
    drop_oldest();
  }
  for (std::size_t field : measured_) {
    reader_.release(field);
  }
  for (std::size_t field : dimensions_) {
    reader_.release(field);
  }
  if (filter_) {
    filter_->release(reader_);
  }
}

TimeNs ViewState::kept_from() const {
  std::int64_t first = totals().first_kept;
  return first <= INT64_MIN / grain_ ? INT64_MIN : first * grain_;
}

void ViewState::advance(TimeNs received) {
  window_begin_ = received - spec_.horizon;
  window_end_ = received + spec_.horizon;
  while (!buckets_.empty() && (buckets_.begin()->first + 1) * grain_ <= window_begin_) {
    drop_oldest();
  }
}

void ViewState::begin_at(TimeNs time) { first_kept_ = std::max(first_kept_, floor_div(time, grain_) + 1); }

void ViewState::drop_oldest() {
  Bucket& bucket = *buckets_.begin()->second;
  for (std::size_t i = 0; i < bucket.cells.size(); ++i) {
    aggregates_.destroy(states(bucket, i));
    other_ -= bucket.cells[i].other ? bucket.cells[i].count : 0;
    inside_ -= bucket.cells[i].count;
    gone_ += bucket.cells[i].count;
  }
  first_kept_ = std::max(first_kept_, bucket.number + 1);
  bytes_ -= bucket.bytes;
  rows_ -= bucket.cells.size();
  Bucket*& recent = recent_[static_cast<std::size_t>(bucket.number) % recent_.size()];
  recent = recent == &bucket ? nullptr : recent;
  buckets_.erase(buckets_.begin());
  for (std::vector<std::int64_t>& changed : changed_) {
    if (changed.size() > 64 + 2 * buckets_.size()) {  // nobody takes them
      std::erase_if(changed, [this](std::int64_t number) { return !buckets_.contains(number); });
    }
  }
}

ViewState::Bucket& ViewState::bucket_of(std::int64_t number) {
  Bucket*& recent = recent_[static_cast<std::size_t>(number) % recent_.size()];
  if (recent != nullptr && recent->number == number) {
    return *recent;
  }
  std::unique_ptr<Bucket>& bucket = buckets_[number];
  if (bucket == nullptr) {
    bucket = std::make_unique<Bucket>();
    bucket->number = number;
    add_bytes(*bucket, kBucketBytes);
  }
  recent = bucket.get();
  return *bucket;
}

void ViewState::add_bytes(Bucket& bucket, std::size_t bytes) {
  bucket.bytes += bytes;
  bytes_ += bytes;
}

std::byte* ViewState::states(Bucket& bucket, std::size_t cell) const {
  return bucket.chunks[cell / kChunkRows].get() + cell % kChunkRows * aggregates_.bytes();
}
const std::byte* ViewState::states(const Bucket& bucket, std::size_t cell) const {
  return bucket.chunks[cell / kChunkRows].get() + cell % kChunkRows * aggregates_.bytes();
}

// For each dimension: u8 whether the event has it, u32 bytes, the text.
void ViewState::make_key(const FieldValue* fields) {
  key_.clear();
  for (std::size_t dimension : dimensions_) {
    const FieldValue& value = fields[dimension];
    std::string_view text = value.present ? value.text : std::string_view();
    char head[5] = {static_cast<char>(value.present)};
    store_le(head + 1, static_cast<std::uint32_t>(text.size()));
    key_.append(head, sizeof head);
    key_.append(text);
  }
}

std::vector<std::optional<std::string_view>> ViewState::decode_key(std::string_view key) {
  std::vector<std::optional<std::string_view>> dimensions;
  ByteReader reader(key);
  while (reader.ok() && !reader.rest().empty()) {
    bool present = reader.number<std::uint8_t>() != 0;
    std::string_view text = reader.take(reader.number<std::uint32_t>());
    dimensions.push_back(present ? std::optional(text) : std::nullopt);
  }
  return reader.ok() ? dimensions : std::vector<std::optional<std::string_view>>();
}

std::uint32_t ViewState::find_cell(const Bucket& bucket, std::uint64_t hash, std::string_view key, bool other) const {
  if (bucket.slots.empty()) {
    return kNone;
  }
  std::size_t mask = bucket.slots.size() - 1;
  for (std::size_t at = hash & mask; bucket.slots[at] != 0; at = (at + 1) & mask) {
    const Cell& cell = bucket.cells[bucket.slots[at] - 1];
    if (cell.hash == hash && cell.other == other &&
        std::string_view(bucket.keys).substr(cell.key_at, cell.key_bytes) == key) {
      return bucket.slots[at] - 1;
    }
  }
  return kNone;
}

void ViewState::link(Bucket& bucket, std::uint32_t cell) const {
  std::size_t mask = bucket.slots.size() - 1;
  std::size_t at = bucket.cells[cell].hash & mask;
  while (bucket.slots[at] != 0) {
    at = (at + 1) & mask;
  }
  bucket.slots[at] = cell + 1;
}

std::uint32_t ViewState::add_cell(Bucket& bucket, std::uint64_t hash, std::string_view key, bool other) {
  auto number = static_cast<std::uint32_t>(bucket.cells.size());
  bucket.cells.push_back(
      {hash, 0, static_cast<std::uint32_t>(bucket.keys.size()), static_cast<std::uint32_t>(key.size()), other, false});
  bucket.keys.append(key);
  if (number % kChunkRows == 0) {
    bucket.chunks.push_back(std::make_unique<std::byte[]>(kChunkRows * aggregates_.bytes()));
  }
  aggregates_.init(states(bucket, number));
  if (bucket.cells.size() * 2 > bucket.slots.size()) {
    bucket.slots.assign(std::bit_ceil(std::max<std::size_t>(4, bucket.cells.size() * 2)), 0);
    for (std::uint32_t i = 0; i <= number; ++i) {
      link(bucket, i);
    }
  } else {
    link(bucket, number);
  }
  ++rows_;
  add_bytes(bucket, sizeof(Cell) + kCellExtraBytes + aggregates_.bytes() + key.size());
  return number;
}

std::uint32_t ViewState::cell_for(Bucket& bucket, std::uint64_t hash) {
  if (std::uint32_t found = find_cell(bucket, hash, key_, false); found != kNone) {
    return found;
  }
  if (bucket.cells.size() < spec_.keys_max && bucket.bytes < bytes_max_ / 2) {
    return add_cell(bucket, hash, key_, false);
  }
  std::uint32_t other = find_cell(bucket, kOtherHash, {}, true);
  return other != kNone ? other : add_cell(bucket, kOtherHash, {}, true);
}

void ViewState::note_change(Bucket& bucket, std::uint32_t cell) {
  std::uint8_t untold = listening_ & static_cast<std::uint8_t>(~bucket.cells[cell].changed);
  if (untold == 0) {
    return;
  }
  bucket.cells[cell].changed |= untold;
  for (std::size_t listener = 0; listener < changed_.size(); ++listener) {
    if ((untold >> listener & 1) != 0) {
      if (bucket.changed[listener].empty()) {
        changed_[listener].push_back(bucket.number);
      }
      bucket.changed[listener].push_back(cell);
    }
  }
}

void ViewState::tell_again(Listener who) {
  std::uint8_t before = listening_ | static_cast<std::uint8_t>(1U << static_cast<unsigned>(who));
  listening_ = static_cast<std::uint8_t>(1U << static_cast<unsigned>(who));  // nothing new for the other one
  for (auto& [number, bucket] : buckets_) {
    for (std::uint32_t i = 0; i < bucket->cells.size(); ++i) {
      note_change(*bucket, i);
    }
  }
  listening_ = before;
}

void ViewState::rest_feed() {
  take_changed(Listener::kFeed, [](const Row&) { return true; });
  listening_ = 1;
}

void ViewState::fold(const EventView& event, const FieldValue* fields) {
  bool ours = event.project == spec_.project || spec_.project.empty();
  if (!ours || (filter_ && !filter_->matches(event, fields))) {
    ++passed_by_;
    return;
  }
  std::int64_t number = floor_div(event.time, grain_);
  if (event.time > window_end_ || number < first_kept_) {
    ++outside_;
    return;
  }
  if ((number + 1) * grain_ <= window_begin_) {
    first_kept_ = number + 1;
    ++outside_;
    return;
  }
  Bucket& bucket = bucket_of(number);
  make_key(fields);
  std::uint32_t at = cell_for(bucket, field_hash(key_));
  Cell& cell = bucket.cells[at];
  ++cell.count;
  ++inside_;
  other_ += cell.other ? 1 : 0;
  note_change(bucket, at);
  if (std::size_t grown = aggregates_.update(states(bucket, at), fields); grown > 0) {
    add_bytes(bucket, grown);
  }
  while (bytes_ > bytes_max_ && buckets_.size() > 1) {
    drop_oldest();
  }
}

bool ViewState::find(TimeNs time, std::string_view key, bool other, Row& row) const {
  auto found = buckets_.find(floor_div(time, grain_));
  if (found == buckets_.end()) {
    return false;
  }
  const Bucket& bucket = *found->second;
  std::uint32_t at = find_cell(bucket, other ? kOtherHash : field_hash(key), key, other);
  if (at == kNone) {
    return false;
  }
  row = {time, key, other, bucket.cells[at].count, states(bucket, at)};
  return true;
}

ViewState::Totals ViewState::totals() const {
  std::int64_t by_horizon = window_begin_ == INT64_MIN ? INT64_MIN : floor_div(window_begin_, grain_);
  return {std::max(first_kept_, by_horizon), outside_, gone_, passed_by_};
}

void ViewState::put_totals(const Totals& totals) {
  while (!buckets_.empty() && buckets_.begin()->first < totals.first_kept) {
    drop_oldest();
  }
  first_kept_ = totals.first_kept;  // also an earlier one: a received time that is back lets older buckets begin
  outside_ = totals.outside;
  gone_ = totals.gone;
  passed_by_ = totals.passed_by;
}

Result<void> ViewState::put_row(std::int64_t number, std::string_view key, bool other, std::uint64_t count,
                                std::string_view states) {
  constexpr std::int64_t kFarthest = INT64_MAX / 2;
  if (number > kFarthest / grain_ || number < -kFarthest / grain_) {
    return corrupt("a row's time is out of range");
  }
  if (number < first_kept_) {
    return {};
  }
  Bucket& bucket = bucket_of(number);
  std::uint64_t hash = other ? kOtherHash : field_hash(key);
  std::uint32_t at = find_cell(bucket, hash, key, other);
  if (at == kNone) {
    if (decode_key(key).size() != (other ? 0 : dimensions_.size())) {
      return corrupt("a row's key does not have the view's dimensions");
    }
    at = add_cell(bucket, hash, key, other);
  } else if (bucket.cells[at].count >= count) {
    return {};  // told again; a row's states change with its count alone
  }
  std::byte* into = this->states(bucket, at);
  std::size_t heap = aggregates_.heap_bytes(into);
  aggregates_.destroy(into);
  aggregates_.init(into);
  ByteReader reader(states);
  if (Result<void> read = aggregates_.read(into, reader); !read.ok() || !reader.rest().empty()) {
    return read.ok() ? Result<void>(corrupt("a row has more than its states")) : read;
  }
  std::uint64_t more = count - bucket.cells[at].count;
  bucket.cells[at].count = count;
  inside_ += more;
  other_ += other ? more : 0;
  bucket.bytes += aggregates_.heap_bytes(into) - heap;  // may also be less
  bytes_ += aggregates_.heap_bytes(into) - heap;
  note_change(bucket, at);
  return bytes_ <= kCopyTimesMax * bytes_max_ ? Result<void>()
                                              : Result<void>(full("it is larger than live.view_memory"));
}

// u8 version, i64 first kept bucket, u64 outside, u64 gone, u64 passed by, u32 buckets; for each, ascending: i64
// number, u32 rows; for each row: u8 other, u32 bytes of key, key, u64 count, the states.
void ViewState::append_to(std::string& bytes) const {
  append_le(bytes, kVersion);
  append_le(bytes, first_kept_);
  append_le(bytes, outside_);
  append_le(bytes, gone_);
  append_le(bytes, passed_by_);
  append_le(bytes, static_cast<std::uint32_t>(buckets_.size()));
  for (const auto& [number, bucket] : buckets_) {
    append_le(bytes, number);
    append_le(bytes, static_cast<std::uint32_t>(bucket->cells.size()));
    for (std::size_t i = 0; i < bucket->cells.size(); ++i) {
      const Cell& cell = bucket->cells[i];
      append_le(bytes, static_cast<std::uint8_t>(cell.other));
      append_le(bytes, cell.key_bytes);
      bytes.append(bucket->keys, cell.key_at, cell.key_bytes);
      append_le(bytes, cell.count);
      aggregates_.append_to(states(*bucket, i), bytes);
    }
  }
}

void ViewState::read_bucket(ByteReader& reader, Result<void>& result) {
  auto number = reader.number<std::int64_t>();
  if (!buckets_.empty() && buckets_.rbegin()->first >= number) {
    result = corrupt("its buckets are not in order");
    return;
  }
  Bucket& bucket = bucket_of(number);
  auto rows = reader.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < rows && reader.ok() && result.ok(); ++i) {
    bool other = reader.number<std::uint8_t>() != 0;
    std::string_view key = reader.take(reader.number<std::uint32_t>());
    std::uint64_t hash = other ? kOtherHash : field_hash(key);
    if (decode_key(key).size() != (other ? 0 : dimensions_.size()) || find_cell(bucket, hash, key, other) != kNone) {
      result = corrupt("its rows do not fit together");
      return;
    }
    std::uint32_t cell = add_cell(bucket, hash, key, other);
    bucket.cells[cell].count = reader.number<std::uint64_t>();
    other_ += other ? bucket.cells[cell].count : 0;
    inside_ += bucket.cells[cell].count;
    result = aggregates_.read(states(bucket, cell), reader);
    add_bytes(bucket, aggregates_.heap_bytes(states(bucket, cell)));
    note_change(bucket, cell);
  }
}

Result<void> ViewState::read(std::string_view bytes) {
  ByteReader reader(bytes);
  auto version = reader.number<std::uint8_t>();
  if (version > kVersion) {
    return invalid(fmt::format("a view's state has version {}, this program reads up to {}", version, kVersion));
  }
  first_kept_ = reader.number<std::int64_t>();
  outside_ = reader.number<std::uint64_t>();
  gone_ = reader.number<std::uint64_t>();
  passed_by_ = reader.number<std::uint64_t>();
  auto buckets = reader.number<std::uint32_t>();
  Result<void> result;
  for (std::uint32_t i = 0; i < buckets && reader.ok() && result.ok(); ++i) {
    read_bucket(reader, result);
  }
  MR_TRY(std::move(result));
  return reader.ok() && reader.rest().empty() ? Result<void>() : Result<void>(corrupt("a view's state is cut"));
}

}  // namespace millrace
