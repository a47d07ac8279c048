#include "process/recovery.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/sabotage.h"
#include "io/random.h"
#include "process/store_uses.h"

namespace millrace {
namespace {

constexpr std::uint64_t kSearchPlaces = 65'536;  // ranges of so many are asked for row by row

}  // namespace

Recovery::Recovery(const ProcessorParts& parts, const ProcessorOptions& options, SharedFolder* shared)
    : parts_(parts), options_(options), shared_(shared) {}

Result<bool> Recovery::step() {
  Result<void> done = step_once();
  bool final = !done.ok() && (done.error().code == Code::kInvalid || done.error().code == Code::kCorrupt);
  if (final && shared_ != nullptr && !superseded_ && !taken_) {
    // What was read may have been taken away by one who took over meanwhile.
    MR_ASSIGN(Takeover now, parts_.store.owner(options_.partition));
    superseded_ = now.epoch != before_.epoch || now.claim != before_.claim;
  }
  if (!done.ok()) {
    // What was sent in the name of an owner before must be settled where it was sent: no takeover disowns it.
    bool in_anothers_name = phase_ == Phase::kRepair || phase_ == Phase::kRepairRaised;
    if (!in_anothers_name && parts_.store.detached(options_.partition)) {
      phase_ = Phase::kLoad;
    }
    return std::move(done).error();
  }
  return phase_ == Phase::kDone;
}

Result<void> Recovery::step_once() {
  switch (phase_) {
    case Phase::kLoad:
      return load();
    case Phase::kFold:
      return fold();
    case Phase::kCompare:
      return compare();
    case Phase::kSearch:
      return search();
    case Phase::kRepair:
      return repair(Phase::kRecount);
    case Phase::kRecount:
      return recount();
    case Phase::kScan:
      return scan();
    case Phase::kRepairRaised:
      return repair(Phase::kTakeOver);
    case Phase::kTakeOver:
      return take_over();
    case Phase::kRewrite:
      return repair(Phase::kFinish);
    case Phase::kFinish:
      return finish();
    case Phase::kDone:
      return {};
  }
  return {};
}

Result<StoredRange> Recovery::stored(SequenceRange range, bool with_hash) {
  if (range.begin >= range.end) {
    return StoredRange{};
  }
  return parts_.store.count(options_.partition, range, with_hash);
}

Result<void> Recovery::load() {
  damaged_.clear();
  failed_below_ = failed_past_ = lost_past_ = 0;
  taken_ = false;
  mine_.claim = random_number();
  MR_ASSIGN(bool another, parts_.store.attach(options_.partition));
  caught_up_ = caught_up_ && !another;
  MR_ASSIGN(before_, parts_.store.owner(options_.partition));
  MR_ASSIGN(bool attended, attend());
  if (!attended) {
    return {};
  }
  if (!sabotaged(Sabotage::kAskTooEarly)) {
    MR_TRY(parts_.store.settle(options_.partition));  // nobody's insert may land after the store has been asked
  }
  if (shared_ != nullptr) {
    MR_TRY(copy_state());
  }
  MR_TRY(parts_.files.make_folders(options_.folder));
  snapshots_.emplace(parts_.files, options_.folder, parts_.stream.generation(), options_.partition);
  MR_ASSIGN(std::optional<Snapshot> snapshot, snapshots_->load());
  for (const std::string& complaint : snapshots_->complaints()) {
    log_error("a snapshot is damaged, an older one or the log's begin is used", {{"snapshot", complaint}});
  }
  MR_ASSIGN(other_store_, other_store(parts_.files, options_.folder, options_.partition, options_.store));
  MR_TRY(choose_checkpoint(snapshot));
  MR_TRY(check_log_end());
  MR_TRY(begin_fold(std::move(snapshot)));
  phase_ = Phase::kFold;
  return {};
}

// What the last owner left, and the partition from where it knew it.
Result<bool> Recovery::attend() {
  if (shared_ == nullptr) {
    return true;
  }
  MR_TRY(shared_->open(before_));
  MR_ASSIGN(std::string places, shared_->places());
  return parts_.stream.attend(options_.partition, places);
}

// From here on nothing is read but the copy: the owner before may be at work until the takeover is recorded, and what
// it leaves meanwhile was decided by what it read, which may differ from what can be read now.
Result<void> Recovery::copy_state() {
  Result<Checkpoint> known =
      load_checkpoint(parts_.files, options_.folder, parts_.stream.generation(), options_.partition);
  if (!known.ok() && known.error().code == Code::kUnavailable) {
    return known.error();
  }
  Epoch epoch = std::max(known.ok() ? known->epoch : Epoch(0), before_.epoch).plus(1);
  mine_ = Takeover{options_.partition, epoch, SequenceNumber(0), mine_.claim};
  return shared_->take(mine_);
}

// Nothing has been written that another start, with the store of before, would miss.
Error Recovery::refuse_loss(std::uint64_t rows) const {
  return invalid(fmt::format(
      "{} lacks {} rows of partition {} that {} had and that the log no longer has. Go back to that store and run "
      "`millrace migrate store` first; or, to go on without these rows, remove {}",
      options_.store, rows, options_.partition.value, other_store_,
      store_uses_path(options_.folder, options_.partition)));
}

Result<void> Recovery::choose_checkpoint(const std::optional<Snapshot>& snapshot) {
  const Takeover& owner = before_;
  Result<Checkpoint> loaded =
      load_checkpoint(parts_.files, options_.folder, parts_.stream.generation(), options_.partition);
  if (!loaded.ok() && loaded.error().code == Code::kCorrupt) {
    log_error("the checkpoint is damaged, the newest snapshot's is used", {{"error", loaded.error().message}});
  } else if (!loaded.ok() && loaded.error().code != Code::kNotFound) {
    return loaded.error();
  }
  checkpoint_ = Checkpoint{parts_.stream.generation(), options_.partition, {}, {}, {}};
  if (loaded.ok()) {
    checkpoint_ = *loaded;
  } else if (snapshot) {
    checkpoint_ = snapshot->checkpoint;
  }
  if (snapshot && snapshot->checkpoint.counts.position > checkpoint_.counts.position) {
    // Past a checkpoint that trails, the snapshot alone knows why places have no row.
    const Counts& newer = snapshot->checkpoint.counts;
    failed_past_ = newer.failed - std::min(newer.failed, checkpoint_.counts.failed);
    lost_past_ = newer.lost - std::min(newer.lost, checkpoint_.counts.lost);
  }
  if (loaded.ok() && checkpoint_.epoch < owner.epoch) {
    return invalid(
        fmt::format("the checkpoint of partition {} in {} was written by epoch {}, but epoch {} has taken the "
                    "partition over in the store since: another server uses this store, or the folder is an "
                    "old copy. Stop the other server, or remove the checkpoint and snapshots of the partition "
                    "to have the store compared with this log row by row",
                    options_.partition.value, options_.folder, checkpoint_.epoch.value, owner.epoch.value));
  }
  // A store that is come back to knows nothing of the owners between.
  bool known = !checkpoint_.owners.empty() && owner.epoch < checkpoint_.owners.back().epoch && !other_store_.empty();
  if (owner.epoch.value > 0 && !known) {
    add_owner(checkpoint_.owners, {owner.epoch, owner.first}, SequenceNumber(0));
  }
  checkpoint_.epoch = std::max(checkpoint_.epoch, owner.epoch).plus(1);
  if (shared_ != nullptr && checkpoint_.epoch > mine_.epoch) {
    return corrupt(
        fmt::format("the newest snapshot of partition {} in {} is of an owner that the store does not know: "
                    "remove it, to have the store compared with the log row by row",
                    options_.partition.value, options_.folder));
  }
  checkpoint_.epoch = shared_ != nullptr ? mine_.epoch : checkpoint_.epoch;
  old_position_ = checkpoint_.counts.position;
  return {};
}

Result<void> Recovery::check_log_end() {
  SequenceNumber end = parts_.stream.state(options_.partition).durable_end;
  if (old_position_ > end) {
    return corrupt(
        fmt::format("the log of partition {} ends at {}, but events up to {} were stored: the log has lost its "
                    "end, or is an older copy. Put the right log back; or begin a new generation",
                    options_.partition.value, end.value, old_position_.value));
  }
  MR_ASSIGN(StoredRange beyond, stored({end, kEnd}));
  if (beyond.rows > 0) {
    return corrupt(
        fmt::format("the store has {} rows of partition {} that lie past the end of the log at {}: the log has "
                    "lost its end, or is of another server. Put the right log back; or begin a new generation",
                    beyond.rows, options_.partition.value, end.value));
  }
  return {};
}

Result<void> Recovery::begin_fold(std::optional<Snapshot> snapshot) {
  SequenceNumber from;
  if (snapshot) {
    from = snapshot->checkpoint.counts.position;
    views_ = std::move(snapshot->views);
    views_position_ = from;
    fold_.emplace(std::move(snapshot->state), from);
  } else {
    fold_.emplace(FoldState{IdHasher(random_bytes(kIdSecretBytes)), IdTable(options_.ids), Gaps()}, from);
  }
  SequenceNumber begin = parts_.stream.state(options_.partition).begin;
  ids_incomplete_ = begin > from;
  if (ids_incomplete_) {
    MR_TRY(catch_up());
    MR_TRY(skip_what_the_log_lost(begin));
  }
  MR_ASSIGN(cursor_, LogCursor::open(parts_.stream, options_.partition, fold_->position()));
  return {};
}

// Without the log from the snapshot on, the store has the last word about what lies before the log's begin.
Result<void> Recovery::skip_what_the_log_lost(SequenceNumber begin) {
  log_error("the log begins past the newest snapshot: ids between them are unknown, repeats of them will be stored",
            {{"partition", options_.partition.value}, {"log_begins_at", begin.value}});
  MR_ASSIGN(StoredRange kept, stored({SequenceNumber(0), begin}, true));
  if (kept.rows > begin.value) {
    return corrupt("the store has rows twice: rebuild it from the log, or from a backup");
  }
  std::uint64_t gaps = begin.value - kept.rows;
  fold_->gaps().set_floor(begin, gaps);
  fold_->pass(begin);
  Counts& counts = checkpoint_.counts;
  if (counts.position < begin) {
    counts.repeats = std::min(counts.repeats, gaps);
    counts.failed = std::min(counts.failed, gaps - counts.repeats);
    counts.lost = gaps - counts.repeats - counts.failed;
    counts.rows = kept.rows;
    counts.hash = kept.hash;
    counts.position = old_position_ = begin;
  }
  return {};
}

Result<bool> Recovery::fold_entry() {
  Result<StreamEntry> entry = cursor_->next();
  if (!entry.ok()) {
    return entry.error().code == Code::kNotFound ? Result<bool>(false) : Result<bool>(entry.error());
  }
  SequenceNumber intact_until = fold_->position();
  if (!entry->damaged) {
    MR_ASSIGN(EntryPart part, fold_->fold(*entry, nullptr));
    intact_until = part.next;
  }
  if (intact_until < entry->range.end) {
    fold_->pass(entry->range.end);
    intact_until = std::max(intact_until, old_position_);
    if (intact_until < entry->range.end) {
      damaged_.push_back({intact_until, entry->range.end});
    }
  }
  return true;
}

Result<void> Recovery::fold() {
  SequenceNumber until = std::min(old_position_, fold_->position().plus(options_.step_events_max));
  while (fold_->position() < until) {
    MR_ASSIGN(bool more, fold_entry());
    if (!more) {
      return unavailable("the log does not give what it says is durable");
    }
  }
  if (fold_->position() >= old_position_) {
    phase_ = Phase::kCompare;
  }
  return {};
}

// Engines set damaged parts aside below the checkpoint too.
Result<void> Recovery::compare() {
  SequenceRange below{SequenceNumber(0), old_position_};
  MR_ASSIGN(StoredRange found, stored(below));
  std::uint64_t rows = checkpoint_.counts.rows;
  if (found.rows > rows) {
    return corrupt(
        fmt::format("the store has {} rows of partition {} before {}, the checkpoint says {}: they are not of "
                    "one history. Put back the store and the folder {} of the same time, or remove the "
                    "partition's checkpoint and snapshots to have it compared with the log row by row",
                    found.rows, options_.partition.value, old_position_.value, rows, options_.folder));
  }
  shortage_ = rows - found.rows;
  if (shortage_ > 0) {
    MR_ASSIGN(bool new_to_us, catch_up());
    if (new_to_us) {
      return {};  // it is counted once more
    }
  }
  missing_.clear();
  if (shortage_ == 0 && fold_->gaps().rows(below) == rows) {
    begin_scan();
    return {};
  }
  if (shortage_ > 0 && !other_store_.empty()) {
    log_info(
        "the partition's rows are in another store from now on; what it lacks is read from the log",
        {{"partition", options_.partition.value}, {"from", other_store_}, {"to", options_.store}, {"rows", shortage_}});
  } else if (shortage_ > 0) {
    log_error("the store has lost rows that it had made durable; they are read from the log again",
              {{"partition", options_.partition.value}, {"rows", shortage_}});
  }
  to_search_ = {{fold_->gaps().floor(), old_position_}};
  phase_ = Phase::kSearch;
  return {};
}

// Rows that only lag behind must not be written a second time, in the name of the same owner. True when the store has
// to be asked again.
Result<bool> Recovery::catch_up() {
  if (caught_up_ || sabotaged(Sabotage::kRepairBehind)) {
    return false;
  }
  MR_TRY(parts_.store.catch_up(options_.partition));
  caught_up_ = true;
  return true;
}

Result<void> Recovery::search() {
  if (to_search_.empty()) {
    return after_search();
  }
  SequenceRange range = to_search_.back();
  std::uint64_t wanted = fold_->gaps().rows(range);
  MR_ASSIGN(StoredRange found, stored(range));
  if (found.rows > wanted && !ids_incomplete_) {
    return corrupt(
        fmt::format("the store has {} rows of partition {} in [{}, {}), the log has {}: remove the partition's "
                    "rows from the store, and they are written again from the log",
                    found.rows, options_.partition.value, range.begin.value, range.end.value, wanted));
  }
  if (found.rows >= wanted) {
    to_search_.pop_back();
    return {};
  }
  std::uint64_t places = range.end.value - range.begin.value;
  if (found.rows > 0 && places > kSearchPlaces) {
    SequenceNumber middle = range.begin.plus(places / 2);
    to_search_.back() = {middle, range.end};
    to_search_.push_back({range.begin, middle});
    return {};
  }
  std::vector<SequenceNumber> present;
  if (found.rows > 0) {
    MR_ASSIGN(present, parts_.store.present(options_.partition, range));
  }
  for (SequenceRange run : absent(range, present)) {
    missing_.push_back(run);
  }
  to_search_.pop_back();
  return {};
}

Result<void> Recovery::after_search() {
  std::uint64_t rows = 0;
  for (SequenceRange range : missing_) {
    rows += fold_->gaps().rows(range);
  }
  // Where repeats can't be told from rows that went missing, a row too few is better than one twice.
  bool ambiguous = ids_incomplete_ && rows != shortage_;
  if (shortage_ > 0 && !ambiguous) {
    if (rows > shortage_) {
      MR_TRY(count_as_rows(rows - shortage_));
      shortage_ = rows;
    }
    begin_repair(Phase::kRepair, missing_);
    return {};
  }
  // Places that the checkpoint didn't count as rows either failed or were lost after the snapshot.
  for (SequenceRange range : missing_) {
    fold_->gaps().add(range);
  }
  if (shortage_ == 0) {
    begin_scan();
  } else {
    phase_ = Phase::kRecount;
  }
  return {};
}

// So many places more than were rows will be tried again, because they failed, or repeat an event that can't be read
// any longer. The checkpoint says so first: a crash half-way must not leave more rows than it knows of.
Result<void> Recovery::count_as_rows(std::uint64_t more) {
  Checkpoint next = checkpoint_;
  Counts& counts = next.counts;
  counts.rows += more;
  for (std::uint64_t* from : {&counts.failed, &counts.lost, &counts.repeats}) {
    std::uint64_t taken = std::min(more, *from);
    *from -= taken;
    more -= taken;
  }
  if (more > 0) {
    return corrupt("the log has more events than the checkpoint: remove the partition's checkpoint and snapshots");
  }
  if (shared_ != nullptr) {
    // Only an owner can say that: what older ones wrote past the checkpoint is disowned, and read from the log again.
    first_ = old_position_;
    MR_TRY(become_owner());
    next.owners = checkpoint_.owners;
  }
  MR_TRY(save_checkpoint(parts_.files, options_.folder, next));
  checkpoint_ = std::move(next);
  return {};
}

void Recovery::begin_repair(Phase phase, std::vector<SequenceRange> ranges) {
  repair_.emplace(parts_, options_, fold_->gaps(), std::move(ranges), checkpoint_.owners);
  phase_ = phase;
}

Result<void> Recovery::repair(Phase after) {
  MR_ASSIGN(bool done, repair_->step());
  if (!done) {
    return {};
  }
  for (SequenceNumber place : repair_->failed()) {
    fold_->gaps().add({place, place.plus(1)});
  }
  (after == Phase::kRecount ? failed_below_ : failed_past_) += repair_->failed().size();
  for (SequenceRange range : repair_->unreadable()) {
    lost_past_ += after == Phase::kRecount ? 0 : fold_->gaps().rows(range);
    fold_->gaps().add(range);
  }
  repair_.reset();
  phase_ = after;
  return {};
}

Result<void> Recovery::recount() {
  MR_ASSIGN(StoredRange found, stored({SequenceNumber(0), old_position_}, true));
  Counts& counts = checkpoint_.counts;
  if (found.rows > counts.rows) {
    return corrupt("the store has more rows than were missing: rebuild it from the log");
  }
  std::uint64_t failed = std::min(failed_below_, counts.rows - found.rows);
  std::uint64_t lost = counts.rows - found.rows - failed;
  if (lost > 0 && !other_store_.empty()) {
    return refuse_loss(lost);
  }
  if (lost > 0) {
    log_error("rows that the store has lost are no longer in the log: they are lost",
              {{"partition", options_.partition.value}, {"rows", lost}});
    parts_.metrics.add(Metric::kProcessLost, static_cast<std::int64_t>(lost));
  }
  counts.rows = found.rows;
  counts.hash = found.hash;
  counts.failed += failed;
  counts.lost += lost;
  begin_scan();
  return {};
}

Result<void> Recovery::take_over() {
  if (taken_) {  // what was found out since
    MR_TRY(save_checkpoint(parts_.files, options_.folder, checkpoint_));
  }
  MR_TRY(become_owner());
  begin_repair(Phase::kRewrite, {{first_, fold_->position()}});
  return {};
}

Result<void> Recovery::become_owner() {
  if (taken_) {
    return {};
  }
  // The checkpoint knows of the new epoch first, so that an older one than the store's owner is always somebody else's.
  SequenceNumber kept_from = std::min(parts_.stream.state(options_.partition).begin, old_position_);
  mine_ = Takeover{options_.partition, checkpoint_.epoch, first_, mine_.claim};
  if (!options_.store.empty()) {
    StoreUse use{checkpoint_.epoch, options_.store};
    MR_TRY(note_store_use(parts_.files, options_.folder, options_.partition, use));
  }
  Checkpoint next = checkpoint_;
  add_owner(next.owners, {next.epoch, first_}, kept_from);
  MR_TRY(save_checkpoint(parts_.files, options_.folder, next));
  if (!sabotaged(Sabotage::kCountOldEpochs)) {
    Result<void> taken = parts_.store.take_over(mine_);
    if (!taken.ok()) {
      // It may have been recorded: begin again, with the next epoch.
      superseded_ = taken.error().code == Code::kInvalid;
      phase_ = superseded_ ? phase_ : Phase::kLoad;
      return taken;
    }
  }
  taken_ = true;
  checkpoint_ = std::move(next);
  if (shared_ != nullptr) {
    shared_->forget_others();
  }
  return {};
}

Result<void> Recovery::finish() {
  SequenceRange past{old_position_, fold_->position()};
  MR_ASSIGN(StoredRange found, stored(past, true));
  if (found.rows != fold_->gaps().rows(past) && !ids_incomplete_) {
    phase_ = Phase::kLoad;
    return unavailable(
        fmt::format("the store has {} rows of partition {} past the checkpoint, {} were expected: the "
                    "recovery begins again",
                    found.rows, options_.partition.value, fold_->gaps().rows(past)));
  }
  Counts& counts = checkpoint_.counts;
  counts.position = past.end;
  counts.rows += found.rows;
  counts.hash += found.hash;
  counts.failed += failed_past_;
  counts.lost += lost_past_;
  counts.repeats = counts.position.value - counts.rows - counts.failed - counts.lost;
  phase_ = Phase::kDone;
  return {};
}

}  // namespace millrace
