#include "process/processor.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/log.h"
#include "base/sabotage.h"

namespace millrace {

namespace {

constexpr std::int64_t kPlacesEveryNs = 10'000'000'000;
constexpr std::int64_t kGrownBatchAgeNs = 10'000'000'000;

std::unique_ptr<SharedFolder> folder_in_store(const ProcessorParts& parts, const ProcessorOptions& options) {
  return parts.shared == nullptr
             ? nullptr
             : std::make_unique<SharedFolder>(*parts.shared, parts.files, options.folder, options.partition);
}

ProcessorParts with_files(const ProcessorParts& parts, FileSystem* files) {
  return {parts.stream,  parts.store, parts.failed, files != nullptr ? *files : parts.files,
          parts.metrics, parts.views, parts.shared};
}

}  // namespace

Processor::Processor(const ProcessorParts& parts, const ProcessorOptions& options)
    : shared_(folder_in_store(parts, options)),
      parts_(with_files(parts, shared_.get())),
      options_(options),
      inserter_(parts.store, parts.failed, parts.metrics),
      views_(parts.views != nullptr ? &parts.views->partition(options.partition) : nullptr),
      batch_age_ns_(options.batch_age_ns_max) {
  begin_recovery();
  progress_.partition = options.partition;
}

StepResult Processor::step(TimeNs wall_now, TimeNs monotonic_now) {
  wall_ = wall_now;
  now_ = monotonic_now;
  if (stopped_) {
    return {Next::kStopped, {}, 0};
  }
  if (now_ < paused_until_) {
    return {Next::kTime, {}, paused_until_};
  }
  if (!recovery_ && !draining_ && parts_.store.detached(options_.partition)) {
    log_warning("the copy of the store that a partition was written to has gone: another is looked for",
                {{"partition", options_.partition.value}});
    if (sabotaged(Sabotage::kGoOnElsewhere)) {
      (void)parts_.store.attach(options_.partition).ok();
    } else {
      begin_recovery();
    }
  }
  Result<StepResult> result = step_once();
  if (!result.ok()) {
    StepResult pause = back_off(std::move(result).error());
    publish();
    return pause;
  }
  backoff_ns_ = 0;
  error_.reset();
  publish();
  return *result;
}

StepResult Processor::back_off(Error error) {
  bool final = error.code == Code::kInvalid || error.code == Code::kCorrupt;
  if (final) {
    log_error("a partition is no longer processed",
              {{"partition", options_.partition.value}, {"error", error.message}});
  } else if (!error_) {
    log_warning("processing pauses and tries again",
                {{"partition", options_.partition.value}, {"error", error.message}});
  }
  error_ = std::move(error);
  stopped_ = final;
  backoff_ns_ = std::clamp(backoff_ns_ * 2, options_.backoff_ns_min, options_.backoff_ns_max);
  paused_until_ = now_ + backoff_ns_;
  return stopped_ ? StepResult{Next::kStopped, {}, 0} : StepResult{Next::kTime, {}, paused_until_};
}

Result<StepResult> Processor::step_once() {
  if (recovery_) {
    return draining_ ? Result<StepResult>(stop()) : recover();
  }
  if (inserter_.active()) {
    return insert();
  }
  if (batch_is_due()) {
    begin_batch();
    return StepResult{};
  }
  if (draining_) {
    return finish();
  }
  if (anything_to_checkpoint() && now_ >= checkpoint_due_) {
    return checkpoint();
  }
  if (snapshot_is_due()) {
    return snapshot();
  }
  if (damage_) {
    pass_damage();
    return StepResult{};
  }
  if (views_ != nullptr && views_->stale()) {
    std::lock_guard lock(views_->lock());
    views_->sync();
    views_behind_ = true;
  }
  if (views_behind_ && std::exchange(views_turn_, !views_turn_)) {
    return read_views();
  }
  return read();
}

void Processor::begin_recovery() {
  recovery_.emplace(parts_, options_, shared_.get());
  inserter_.give_up();
  fold_.reset();
  cursor_.reset();
  trail_.clear();
  held_.reset();
  damage_.reset();
  batch_.clear();
  batch_repeats_ = 0;
}

Result<StepResult> Processor::recover() {
  MR_ASSIGN(bool done, recovery_->step());
  if (!done) {
    return StepResult{};
  }
  stored_ = recovery_->checkpoint();
  fold_.emplace(recovery_->take_fold());
  cursor_.emplace(recovery_->take_cursor());
  snapshots_.emplace(recovery_->take_snapshots());
  view_snapshot_ = {recovery_->take_views(), recovery_->views_position()};
  written_position_ = recovery_->written_position();
  recovery_.reset();
  batch_.generation = stored_.generation;
  batch_.partition = stored_.partition;
  batch_.epoch = stored_.epoch;
  checkpoint_due_ = now_;
  bytes_since_snapshot_ = 0;
  // Other limits hold from here on; a snapshot says so, before the next event is read.
  begin_views();
  IdTable& ids = fold_->state().ids;
  IdLimits limits = ids.limits();
  if (limits.ids_max != options_.ids.ids_max || limits.window_ns != options_.ids.window_ns) {
    ids.set_limits(options_.ids.ids_max, options_.ids.window_ns);
    snapshot_wanted_ = true;
  }
  log_info("a partition is processed", {{"partition", options_.partition.value},
                                        {"epoch", stored_.epoch.value},
                                        {"from", stored_.counts.position.value},
                                        {"rows", stored_.counts.rows}});
  return StepResult{};
}

void Processor::begin_views() {
  if (views_ == nullptr) {
    return;
  }
  std::lock_guard lock(views_->lock());
  views_->begin(view_snapshot_.first, view_snapshot_.second, stored_.epoch);
  view_snapshot_ = {};
  view_reader_.emplace(parts_.stream, options_.partition, *views_);
  views_behind_ = true;
  fold_->fold_into(views_);
}

// The log once more, for views that are behind; the store has its turns in between.
Result<StepResult> Processor::read_views() {
  MR_ASSIGN(bool live, view_reader_->step(fold_->gaps(), fold_->position(), options_.step_events_max));
  views_behind_ = !live;
  return StepResult{};
}

Result<StreamEntry> Processor::next_entry() {
  if (held_) {
    StreamEntry entry = *held_;
    held_.reset();
    return entry;
  }
  return cursor_->next();
}

Result<StepResult> Processor::read() {
  SequenceNumber until = fold_->position().plus(options_.step_events_max);
  while (fold_->position() < until && !batch_is_due() && !damage_) {
    Result<StreamEntry> entry = next_entry();
    at_end_ = !entry.ok() && entry.error().code == Code::kNotFound;
    if (at_end_) {
      return views_behind_ ? StepResult{} : wait();
    }
    if (!entry.ok()) {
      return entry.error();
    }
    if (entry->damaged) {
      damage_ = SequenceRange{fold_->position(), entry->range.end};
    } else if (batch_.rows() > 0 && month_of(batch_.received.front()) != month_of(entry->received)) {
      held_ = *entry;  // a batch never crosses a month: it goes first
    } else {
      MR_TRY(fold(*entry));
    }
  }
  return StepResult{};
}

Result<void> Processor::fold(const StreamEntry& entry) {
  if (batch_.rows() == 0) {
    batch_opened_ = now_;
    oldest_received_ = entry.received;
  }
  SequenceNumber before = fold_->position();
  std::uint64_t repeats_before = fold_->repeats();
  tell_sabotage_clock(wall_);
  MR_ASSIGN(EntryPart part, fold_with_views(entry));
  if (!part.readable) {
    damage_ = SequenceRange{part.next, entry.range.end};
  }
  std::uint64_t repeats = fold_->repeats() - repeats_before;
  batch_repeats_ += repeats;
  bytes_since_snapshot_ += entry.payload.size();
  parts_.metrics.add(Metric::kProcessEvents, static_cast<std::int64_t>(part.next.value - before.value));
  parts_.metrics.add(Metric::kProcessRepeats, static_cast<std::int64_t>(repeats));
  if (batch_.rows() == 0) {
    advance({});
  }
  return {};
}

Result<EntryPart> Processor::fold_with_views(const StreamEntry& entry) {
  if (views_ == nullptr) {
    return fold_->fold(entry, &batch_);
  }
  std::lock_guard lock(views_->lock());
  views_->begin_record(fold_->position(), entry.received, true);
  Result<EntryPart> part = fold_->fold(entry, &batch_);
  views_->end_record(fold_->position());
  return part;
}

// The store has no rows past the fold (recovery made sure of that): what can't be read is lost.
void Processor::pass_damage() {
  std::uint64_t lost = damage_->end.value - damage_->begin.value;
  log_error("events in the log are damaged, they are lost",
            {{"partition", options_.partition.value}, {"from", damage_->begin.value}, {"to", damage_->end.value}});
  parts_.metrics.add(Metric::kProcessLost, static_cast<std::int64_t>(lost));
  fold_->gaps().add(*damage_);
  fold_->pass(damage_->end);
  if (views_ != nullptr) {
    std::lock_guard lock(views_->lock());
    views_->skip(damage_->begin, damage_->end, 0, true);
  }
  stored_.counts.lost += lost;
  damage_.reset();
  advance({});
}

StepResult Processor::wait() const {
  TimeNs until = now_ + 1'000'000'000;  // for the lag to be told
  if (batch_.rows() > 0) {
    until = std::min(until, batch_opened_ + batch_age_ns_);
  }
  if (anything_to_checkpoint()) {
    until = std::min(until, std::max(checkpoint_due_, now_ + 1));
  }
  return {Next::kEvents, fold_->position(), until};
}

bool Processor::batch_is_due() const {
  if (batch_.rows() == 0) {
    return false;
  }
  return !batch_can_grow() || now_ >= batch_opened_ + batch_age_ns_;
}

bool Processor::batch_can_grow() const {
  bool full = batch_.rows() >= options_.batch_rows_max || batch_.bytes() >= options_.batch_bytes_max;
  return !full && !held_ && !damage_ && !draining_;
}

void Processor::begin_batch() {
  inserter_.begin(batch_);
  insert_began_ = now_;
}

Result<StepResult> Processor::insert() {
  Result<bool> done = inserter_.step();
  if (!done.ok() && done.error().code == Code::kFull && inserter_.untouched() && batch_can_grow()) {
    // Too many parts: fewer and larger ones, instead of the same again.
    inserter_.give_up();
    batch_opened_ = now_;
    batch_age_ns_ = std::max(batch_age_ns_, std::min(batch_age_ns_ * 2, kGrownBatchAgeNs));
    return StepResult{};
  }
  MR_TRY(done);
  if (!*done) {
    return StepResult{};
  }
  end_batch();
  batch_age_ns_ = std::max(options_.batch_age_ns_max, batch_age_ns_ - batch_age_ns_ / 8);
  if (at_end_ || draining_) {
    return StepResult{};
  }
  // Behind: the store is left some time for its merges and for queries.
  TimeNs rest = (now_ - insert_began_) * options_.catch_up_rest_percent / 100;
  paused_until_ = now_ + rest;
  return rest > 0 ? StepResult{Next::kTime, {}, paused_until_} : StepResult{};
}

void Processor::end_batch() {
  const InsertTally& tally = inserter_.tally();
  for (SequenceNumber place : tally.failed) {
    fold_->gaps().add({place, place.plus(1)});
  }
  if (views_ != nullptr && !tally.failed.empty() && !sabotaged(Sabotage::kViewsNotRestarted)) {
    // They were folded before the store refused them; it happens too rarely to be worth undoing one by one.
    std::lock_guard lock(views_->lock());
    views_->restart();
    views_behind_ = true;
  }
  batch_.clear();
  advance(tally);
}

void Processor::advance(const InsertTally& tally) {
  Counts& counts = stored_.counts;
  counts.rows += tally.rows;
  counts.hash += tally.hash;
  counts.failed += tally.failed.size();
  counts.repeats += std::exchange(batch_repeats_, 0);
  counts.position = fold_->position();
  MR_CHECK(counts.position.value == counts.rows + counts.repeats + counts.failed + counts.lost);
}

bool Processor::anything_to_checkpoint() const {
  return !trail_.empty() || stored_.counts.position != written_position_;
}

Result<StepResult> Processor::checkpoint() {
  // First the position, then the flush: what is inserted between them lies past the position.
  if (trail_.empty() || trail_.back().checkpoint.counts.position != stored_.counts.position) {
    trail_.push_back({now_, stored_});
  }
  checkpoint_due_ = now_ + options_.checkpoint_interval_ns;
  if (now_ - trail_.front().at < options_.checkpoint_trail_ns) {
    return StepResult{};
  }
  while (trail_.size() > 1 && now_ - trail_[1].at >= options_.checkpoint_trail_ns) {
    trail_.pop_front();
  }
  Result<void> written = write(trail_.front().checkpoint);
  if (!written.ok() && written.error().code != Code::kInvalid && written.error().code != Code::kCorrupt) {
    // Rows go on all the same; it is tried again when it is due.
    if (checkpoint_trouble_.empty()) {
      log_warning("the checkpoint does not advance",
                  {{"partition", options_.partition.value}, {"error", written.error().message}});
    }
    checkpoint_trouble_ = "checkpoints do not advance: " + written.error().message;
    return StepResult{};
  }
  MR_TRY(std::move(written));
  checkpoint_trouble_.clear();
  return StepResult{};
}

Result<void> Processor::check_owner() {
  MR_ASSIGN(Takeover owner, parts_.store.owner(options_.partition));
  if (owner.epoch > stored_.epoch) {
    superseded_ = true;
    return invalid(fmt::format("partition {} belongs to epoch {} by now, this owner (epoch {}) stops",
                               options_.partition.value, owner.epoch.value, stored_.epoch.value));
  }
  return {};
}

// Whether a server still has the rows that the checkpoint is about to pass: one that restarts may have lost some.
Result<bool> Processor::still_stored(const Checkpoint& taken) {
  SequenceRange range{written_position_, taken.counts.position};
  MR_ASSIGN(StoredRange found, parts_.store.count(options_.partition, range, false));
  return found.rows == fold_->gaps().rows(range);
}

Result<void> Processor::write(Checkpoint taken) {
  MR_TRY(check_owner());
  if (options_.checkpoint_trail_ns > 0 && taken.counts.position > written_position_) {
    MR_ASSIGN(bool whole, still_stored(taken));
    if (!whole) {
      begin_recovery();
      return unavailable("the store no longer has all rows past the checkpoint: the partition is recovered");
    }
  }
  MR_TRY(parts_.store.flush());
  if (sabotaged(Sabotage::kPositionAfterFlush) && batch_.rows() > 0) {
    begin_batch();
    for (bool done = false; !done;) {
      MR_ASSIGN(done, inserter_.step());
    }
    end_batch();
    taken = stored_;
  }
  if (sabotaged(Sabotage::kCheckpointOffByOne)) {
    taken.counts.position = taken.counts.position.plus(1);
    ++taken.counts.rows;
  }
  if (draining_ || now_ - places_kept_ >= kPlacesEveryNs) {
    MR_TRY(keep_places());
  }
  MR_TRY(save_checkpoint(parts_.files, options_.folder, taken));
  written_position_ = taken.counts.position;
  trail_.pop_front();
  parts_.metrics.add(Metric::kProcessCheckpoints);
  parts_.metrics.add(Metric::kProcessSnapshotBytes, static_cast<std::int64_t>(encode_checkpoint(taken).size()));
  release();
  return {};
}

Result<void> Processor::keep_places() {
  std::string places = shared_ != nullptr ? parts_.stream.places(options_.partition) : std::string();
  if (!places.empty()) {
    MR_TRY(shared_->put_places(places));
  }
  places_kept_ = now_;
  return {};
}

void Processor::release() {
  // A start needs the log from the checkpoint on for rows, and from the older snapshot on for ids.
  parts_.stream.release(options_.partition, std::min(written_position_, snapshots_->log_needed_from()));
}

bool Processor::snapshot_is_due() const {
  bool at_one_position = batch_.rows() == 0;
  return at_one_position && (snapshot_wanted_ || bytes_since_snapshot_ >= options_.snapshot_log_bytes);
}

Result<StepResult> Processor::snapshot() {
  MR_TRY(check_owner());
  MR_TRY(parts_.store.flush());
  fold_->gaps().raise_floor(std::min(parts_.stream.state(options_.partition).begin, stored_.counts.position));
  MR_ASSIGN(std::uint64_t bytes, snapshots_->save(stored_, fold_->state(), views_ != nullptr ? views_->encode() : ""));
  MR_TRY(keep_places());  // before the log may be cut: who comes next counts on from them
  parts_.metrics.add(Metric::kProcessSnapshotBytes, static_cast<std::int64_t>(bytes));
  snapshot_wanted_ = false;
  bytes_since_snapshot_ = 0;
  release();
  return StepResult{};
}

// Everything that was read is in the store.
Result<StepResult> Processor::finish() {
  if (!std::exchange(last_checkpoint_tried_, true) && anything_to_checkpoint()) {
    return checkpoint();
  }
  if (!std::exchange(last_snapshot_tried_, true) && bytes_since_snapshot_ > 0) {
    return snapshot();
  }
  return stop();
}

StepResult Processor::stop() {
  stopped_ = true;
  return {Next::kStopped, {}, 0};
}

void Processor::publish() {
  if (views_ != nullptr && fold_) {
    std::lock_guard lock(views_->lock());
    views_->audit(fold_->gaps().rows({SequenceNumber(0), fold_->position()}));
  }
  PartitionState log = parts_.stream.state(options_.partition);
  Counts counts = recovery_ ? recovery_->proven() : stored_.counts;
  progress_.stored_until = counts.position;
  progress_.checkpoint_until = recovery_ ? counts.position : written_position_;
  progress_.durable_end = log.durable_end;
  progress_.rows = counts.rows;
  progress_.repeats = counts.repeats;
  progress_.failed = counts.failed;
  progress_.lost = counts.lost;
  bool all_stored = counts.position >= log.durable_end;
  TimeNs oldest = fold_ && counts.position < fold_->position() ? oldest_received_ : log.newest_received;
  progress_.lag = all_stored ? 0 : std::max<TimeNs>(0, wall_ - oldest);
}

PartitionProgress Processor::progress() const { return progress_; }

}  // namespace millrace
