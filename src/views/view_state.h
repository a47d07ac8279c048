#pragma once
// One view's buckets, of one partition. A function of the rows that were folded, in their order, and of nothing else:
// folding the same log again gives the same state, byte by byte.
//
// Memory is bounded. A bucket has at most keys_max rows and half of bytes_max; what comes beyond falls into its row
// "(other)", so that counts stay exact in sum. When all buckets together are over bytes_max, the oldest go, as they do
// when the horizon has left them. A bucket that is there is whole: what went is never begun anew.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/event.h"
#include "views/aggregate.h"
#include "views/field_reader.h"
#include "views/filter.h"
#include "views/view.h"

namespace millrace {

class ViewState {
 public:
  static constexpr std::uint8_t kVersion = 1;

  // `spec` was checked (see check_view). Both must outlive the state.
  ViewState(const ViewSpec& spec, FieldReader& reader, std::size_t bytes_max);
  ~ViewState();
  ViewState(const ViewState&) = delete;
  ViewState& operator=(const ViewState&) = delete;

  // Before the events of each record, with its received time: lets go of what the horizon has left.
  void advance(TimeNs received);
  // A row of the store; `fields` is what the reader read of it.
  void fold(const EventView& event, const FieldValue* fields);
  // Buckets that begin before this time are not whole, because the log no longer has all of their events.
  void begin_at(TimeNs time);

  // A row: dimensions (encoded; see decode_key), how many events, the states.
  struct Row {
    TimeNs time = 0;  // the bucket's begin
    std::string_view key;
    bool other = false;
    std::uint64_t count = 0;
    const std::byte* states = nullptr;
  };
  // Who is told what changed: each of the two is told of a row once, however often it changed in between.
  enum class Listener : std::uint8_t { kTable, kFeed };
  // Calls use(row) for rows that changed since the table was told last; for all rows at first.
  template <typename Use>
  void take_changed(Use&& use);
  // The same for either; `use` gives whether it takes more. True when all were told.
  template <typename Use>
  bool take_changed(Listener who, Use&& use);
  // All rows count as changed for it. The feed is told nothing before this, and after rest_feed().
  void tell_again(Listener who);
  void rest_feed();
  // The row of a bucket, if there is one.
  bool find(TimeNs time, std::string_view key, bool other, Row& row) const;

  const AggregateRow& aggregates() const { return aggregates_; }
  TimeNs kept_from() const;  // buckets that begin earlier are gone
  std::size_t bytes() const { return bytes_; }
  std::size_t rows() const { return rows_; }
  std::uint64_t other() const { return other_; }      // events in "(other)" rows that are there
  std::uint64_t outside() const { return outside_; }  // events that were too late, or dated too far ahead
  // Every row that was folded since the state began: those in its buckets, and those of which it only knows that they
  // were outside, or not asked for, or in buckets that went.
  std::uint64_t folded() const { return inside_ + gone_ + outside_ + passed_by_; }

  void append_to(std::string& bytes) const;
  // Into a state that was just made. kCorrupt, kInvalid: make a new one.
  Result<void> read(std::string_view bytes);

  // ---- for a copy elsewhere: a state into which rows are put instead of folded ----

  struct Totals {
    std::int64_t first_kept = INT64_MIN;  // the number of the first bucket that may be there
    std::uint64_t outside = 0, gone = 0, passed_by = 0;
  };
  Totals totals() const;
  std::int64_t bucket_number(const Row& row) const { return row.time / grain_; }
  // Lets go of the buckets that have left there.
  void put_totals(const Totals& totals);
  // The row as it is there; `states` as AggregateRow has written them. A row that is newer here stays. kCorrupt,
  // kInvalid: the states can't be read; kFull: the copy is larger than a state may become.
  Result<void> put_row(std::int64_t bucket, std::string_view key, bool other, std::uint64_t count,
                       std::string_view states);

  // Dimensions as texts, absent ones as nullopt. Empty for a key that isn't one.
  static std::vector<std::optional<std::string_view>> decode_key(std::string_view key);

 private:
  static constexpr std::size_t kChunkRows = 4;
  static constexpr std::size_t kCopyTimesMax = 4;  // a bucket of the original may be larger than bytes_max
  struct Cell {
    std::uint64_t hash = 0;
    std::uint64_t count = 0;
    std::uint32_t key_at = 0;
    std::uint32_t key_bytes = 0;
    bool other = false;
    std::uint8_t changed = 0;  // bits of those who were not told yet
  };
  struct Bucket {
    std::int64_t number = 0;  // since 1970, in grains
    std::size_t bytes = 0;
    std::vector<Cell> cells;
    std::vector<std::uint32_t> slots;  // open addressing by hash; a cell's number and one, 0: empty
    std::vector<std::unique_ptr<std::byte[]>> chunks;
    std::string keys;
    std::array<std::vector<std::uint32_t>, 2> changed;  // by listener
  };

  Bucket& bucket_of(std::int64_t number);
  std::byte* states(Bucket& bucket, std::size_t cell) const;
  const std::byte* states(const Bucket& bucket, std::size_t cell) const;
  void make_key(const FieldValue* fields);
  std::uint32_t find_cell(const Bucket& bucket, std::uint64_t hash, std::string_view key, bool other) const;
  std::uint32_t cell_for(Bucket& bucket, std::uint64_t hash);
  std::uint32_t add_cell(Bucket& bucket, std::uint64_t hash, std::string_view key, bool other);
  void link(Bucket& bucket, std::uint32_t cell) const;
  void note_change(Bucket& bucket, std::uint32_t cell);
  void add_bytes(Bucket& bucket, std::size_t bytes);
  void drop_oldest();
  void read_bucket(ByteReader& reader, Result<void>& result);

  const ViewSpec& spec_;
  FieldReader& reader_;
  const TimeNs grain_;
  const std::size_t bytes_max_;
  std::vector<std::size_t> dimensions_;  // fields
  std::vector<std::size_t> measured_;
  std::optional<EventFilter> filter_;
  AggregateRow aggregates_;

  std::map<std::int64_t, std::unique_ptr<Bucket>> buckets_;
  std::array<Bucket*, 16> recent_{};     // by the low bits of their numbers
  std::int64_t first_kept_ = INT64_MIN;  // the number of the first bucket that may be there
  TimeNs window_begin_ = INT64_MIN;
  TimeNs window_end_ = INT64_MAX;
  std::size_t bytes_ = 0;
  std::size_t rows_ = 0;
  std::uint64_t other_ = 0;
  std::uint64_t outside_ = 0;
  std::uint64_t inside_ = 0;     // events in buckets that are there
  std::uint64_t gone_ = 0;       // … in buckets that went
  std::uint64_t passed_by_ = 0;  // events that the filter, or the project, leaves out
  std::string key_;
  std::uint8_t listening_ = 1;                        // bits of listeners
  std::array<std::vector<std::int64_t>, 2> changed_;  // buckets, by listener
};

// Whether a view of this declaration can be folded: kInvalid says why not.
Result<void> check_view(const ViewSpec& spec);

template <typename Use>
void ViewState::take_changed(Use&& use) {
  take_changed(Listener::kTable, [&](const Row& row) {
    use(row);
    return true;
  });
}

template <typename Use>
bool ViewState::take_changed(Listener who, Use&& use) {
  auto listener = static_cast<std::size_t>(who);
  for (std::vector<std::int64_t>& left = changed_[listener]; !left.empty(); left.pop_back()) {
    auto found = buckets_.find(left.back());
    if (found == buckets_.end()) {
      continue;
    }
    Bucket& bucket = *found->second;
    for (std::vector<std::uint32_t>& rows = bucket.changed[listener]; !rows.empty();) {
      std::uint32_t i = rows.back();
      Cell& cell = bucket.cells[i];
      cell.changed &= static_cast<std::uint8_t>(~(1U << listener));
      rows.pop_back();
      if (!use(Row{bucket.number * grain_, std::string_view(bucket.keys).substr(cell.key_at, cell.key_bytes),
                   cell.other, cell.count, states(bucket, i)})) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace millrace
