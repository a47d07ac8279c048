#include "process/verify.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/time_format.h"
#include "io/random.h"
#include "model/row_hash.h"
#include "process/fold.h"

namespace millrace {
namespace {

constexpr int kSnapshotTries = 3;
constexpr TimeNs kDayNs = 86'400 * 1'000'000'000LL;

std::int64_t day_of(TimeNs time) { return time / kDayNs - (time % kDayNs < 0 ? 1 : 0); }

class Verification {
 public:
  Verification(Stream& stream, StoreWriter& store, FileSystem& files, const VerifyOptions& options)
      : stream_(stream), store_(store), files_(files), options_(options) {
    report_.partition = options.partition;
  }
  Result<VerifyReport> run();

 private:
  Result<void> load();
  Result<void> fold_to_checkpoint(FoldState state, SequenceNumber from);
  Result<void> read();
  void add(const EventView& event, SequenceNumber place);
  Result<void> close(SequenceNumber end);
  Result<void> explain(std::uint64_t store_hash);
  Result<void> compare_before_log();

  Stream& stream_;
  StoreWriter& store_;
  FileSystem& files_;
  const VerifyOptions& options_;
  VerifyReport report_;
  Checkpoint checkpoint_;
  Gaps gaps_;
  std::uint64_t without_row_ =
      0;  // failed or lost after the snapshot, by the checkpoint: nothing else names their places

  VerifyRange range_;
  std::int64_t day_ = 0;
  bool open_ = false;
  std::uint64_t hash_ = 0;
  std::vector<std::pair<SequenceNumber, std::uint64_t>> hashes_;  // of the range's rows, one by one
};

Result<void> Verification::load() {
  MR_ASSIGN(checkpoint_, load_checkpoint(files_, options_.folder, stream_.generation(), options_.partition));
  SnapshotFolder folder(files_, options_.folder, stream_.generation(), options_.partition);
  std::optional<Snapshot> snapshot;
  for (int i = 0; i < kSnapshotTries && !snapshot; ++i) {  // a running server may replace it meanwhile
    MR_ASSIGN(snapshot, folder.load());
  }
  report_.remarks = folder.complaints();
  std::uint64_t known = 0;
  if (snapshot) {
    known = snapshot->checkpoint.counts.failed + snapshot->checkpoint.counts.lost;
    SequenceNumber from = snapshot->checkpoint.counts.position;
    MR_TRY(fold_to_checkpoint(std::move(snapshot->state), from));
  } else {
    MR_TRY(
        fold_to_checkpoint({IdHasher(random_bytes(kIdSecretBytes)), IdTable(options_.ids), Gaps()}, SequenceNumber(0)));
  }
  std::uint64_t all = checkpoint_.counts.failed + checkpoint_.counts.lost;
  without_row_ = all - std::min(all, known);
  return {};
}

Result<void> Verification::fold_to_checkpoint(FoldState state, SequenceNumber from) {
  SequenceNumber begin = stream_.state(options_.partition).begin;
  if (begin > from) {
    report_.remarks.push_back("the log begins past the newest snapshot: repeats may be taken for rows");
    state.gaps.set_floor(begin, 0);
    from = begin;
  }
  Fold fold(std::move(state), from);
  MR_ASSIGN(LogCursor cursor, LogCursor::open(stream_, options_.partition, from));
  while (fold.position() < checkpoint_.counts.position) {
    MR_ASSIGN(StreamEntry entry, cursor.next());
    if (!entry.damaged) {
      MR_TRY(fold.fold(entry, nullptr));
    }
    fold.pass(entry.range.end);
  }
  gaps_ = std::move(fold.gaps());
  return {};
}

void Verification::add(const EventView& event, SequenceNumber place) {
  if (gaps_.contains(place)) {
    return;
  }
  std::uint64_t hash = row_hash(event, {stream_.generation(), options_.partition, place});
  ++range_.log_rows;
  hash_ += hash;
  hashes_.emplace_back(place, hash);
}

// Where the store has fewer rows than the log: places that the checkpoint counts as failed or lost are no difference.
Result<void> Verification::explain(std::uint64_t store_hash) {
  if (range_.log_rows <= range_.store_rows || range_.log_rows - range_.store_rows > without_row_) {
    return {};
  }
  MR_ASSIGN(std::vector<SequenceNumber> present, store_.present(options_.partition, range_.places));
  std::uint64_t absent = 0;
  std::uint64_t hash = hash_;
  for (const auto& [place, row] : hashes_) {
    if (!std::binary_search(present.begin(), present.end(), place)) {
      ++absent;
      hash -= row;
    }
  }
  bool explained = absent <= without_row_ && present.size() == range_.log_rows - absent && hash == store_hash;
  if (explained) {
    without_row_ -= absent;
    range_.log_rows -= absent;
    range_.equal = true;
  }
  return {};
}

Result<void> Verification::close(SequenceNumber end) {
  if (!open_ || range_.places.begin >= end) {
    open_ = false;
    return {};
  }
  range_.places.end = end;
  MR_ASSIGN(StoredRange stored, store_.count(options_.partition, range_.places, true));
  range_.store_rows = stored.rows;
  range_.equal = stored.rows == range_.log_rows && stored.hash == hash_;
  if (range_.damaged > 0) {  // the store may have rows of the damaged places, whose contents nobody else knows
    range_.equal = stored.rows >= range_.log_rows && stored.rows <= range_.log_rows + range_.damaged;
  } else if (!range_.equal) {
    MR_TRY(explain(stored.hash));
  }
  report_.equal = report_.equal && range_.equal;
  report_.ranges.push_back(range_);
  open_ = false;
  return {};
}

Result<void> Verification::read() {
  MR_ASSIGN(LogCursor cursor, LogCursor::open(stream_, options_.partition, report_.from));
  while (cursor.position() < report_.until) {
    SequenceNumber begin = cursor.position();
    MR_ASSIGN(StreamEntry entry, cursor.next());
    SequenceNumber end = std::min(entry.range.end, report_.until);
    bool other_day = !entry.damaged && day_of(entry.received) != day_;
    if (open_ && (other_day || begin.value - range_.places.begin.value >= options_.range_events)) {
      MR_TRY(close(begin));
    }
    if (!open_) {
      range_ = {{begin, end}, format_rfc3339(entry.received).substr(0, 10), 0, 0, 0, false};
      day_ = day_of(entry.received);
      hash_ = 0;
      hashes_.clear();
      open_ = true;
    }
    EntryPart part{begin, false};
    if (!entry.damaged) {
      MR_ASSIGN(part, for_each_event(entry, begin, end, [&](const EventView& event, SequenceNumber place) {
                  add(event, place);
                  return true;
                }));
    }
    range_.damaged += part.readable ? 0 : end.value - part.next.value;
  }
  return close(report_.until);
}

Result<void> Verification::compare_before_log() {
  if (report_.from.value == 0) {
    return {};
  }
  MR_ASSIGN(StoredRange before, store_.count(options_.partition, {SequenceNumber(0), report_.from}, false));
  report_.remarks.push_back(
      fmt::format("the log begins at {}: of the {} rows that the store has before it only the number is known",
                  report_.from.value, before.rows));
  std::uint64_t rows = before.rows;
  for (const VerifyRange& range : report_.ranges) {
    rows += range.store_rows;
  }
  if (rows != checkpoint_.counts.rows) {
    report_.equal = false;
    report_.remarks.push_back(
        fmt::format("the store has {} rows before the checkpoint, which says {}", rows, checkpoint_.counts.rows));
  }
  return {};
}

Result<VerifyReport> Verification::run() {
  MR_TRY(load());
  report_.from = std::min(stream_.state(options_.partition).begin, checkpoint_.counts.position);
  report_.until = checkpoint_.counts.position;
  MR_TRY(read());
  MR_TRY(compare_before_log());
  for (const VerifyRange& range : report_.ranges) {
    report_.missing += range.equal || range.log_rows < range.store_rows ? 0 : range.log_rows - range.store_rows;
  }
  return std::move(report_);
}

}  // namespace

Result<VerifyReport> verify_partition(Stream& stream, StoreWriter& store, FileSystem& files,
                                      const VerifyOptions& options) {
  return Verification(stream, store, files, options).run();
}

}  // namespace millrace
