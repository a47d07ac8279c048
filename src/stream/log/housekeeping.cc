#include "stream/log/housekeeping.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "stream/log/segment_format.h"

namespace millrace {
namespace {

constexpr std::size_t kRecycledMax = 2;  // of one partition, beside its spare
constexpr std::size_t kZeroPieceBytes = 1 << 20;

}  // namespace

Housekeeping::Housekeeping(FileSystem& files, Clock& clock, Metrics& metrics, LogStatus& status,
                           const LogOptions& options, std::vector<HouseholdPart> parts)
    : files_(files),
      clock_(clock),
      metrics_(metrics),
      status_(status),
      options_(options),
      parts_(std::move(parts)),
      wall_start_(clock.wall()),
      monotonic_start_(clock.monotonic()) {
  check_space();  // before the first append
}

Housekeeping::~Housekeeping() { stop(); }

void Housekeeping::start() {
  thread_.emplace("log-house", [this] { run(); });
}

void Housekeeping::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  work_.notify_one();
}

void Housekeeping::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_one();
  if (thread_) {
    thread_->join();
  }
}

bool Housekeeping::stopping() {
  std::lock_guard lock(mutex_);
  return stopping_;
}

void Housekeeping::run() {
  while (!stopping()) {
    while (!stopping() && step()) {
    }
    std::unique_lock lock(mutex_);
    work_.wait_for(lock, std::chrono::milliseconds(options_.check_interval_ms), [this] { return woken_ || stopping_; });
    woken_ = false;
  }
  begin_last_round();
  while (step()) {
  }
}

void Housekeeping::begin_last_round() {
  give_up_making();
  last_ = true;
  task_ = Task::kSpace;
}

bool Housekeeping::step() {
  if (!status_.failed()) {
    do_task();
  }
  if (status_.failed()) {
    give_up_making();
    for (HouseholdPart& part : parts_) {
      part.spares.close(status_.check().error());
    }
    task_ = Task::kSpace;
  }
  return task_ != Task::kSpace;
}

void Housekeeping::do_task() {
  bool done = true;
  switch (task_) {
    case Task::kSpace:
      check_space();
      part_ = 0;
      break;
    case Task::kSupply:
      done = last_ || supply(parts_[part_]);
      break;
    case Task::kIndexes:
      done = judge(keep_index(parts_[part_]));
      break;
    case Task::kRetain:
      done = judge(retain(parts_[part_]));
      break;
    case Task::kShow:
      show();
      break;
  }
  if (done) {
    next_task();
  }
}

void Housekeeping::next_task() {
  switch (task_) {
    case Task::kSpace:
      task_ = Task::kSupply;
      break;
    case Task::kSupply:
      task_ = Task::kIndexes;
      break;
    case Task::kIndexes:
      task_ = Task::kRetain;
      break;
    case Task::kRetain:
      task_ = ++part_ < parts_.size() ? Task::kSupply : Task::kShow;
      break;
    case Task::kShow:
      task_ = Task::kSpace;
      break;
  }
}

// Without space it is tried again in the next round; after any other failure the log stops.
bool Housekeeping::judge(const Result<bool>& outcome) {
  if (!outcome.ok() && outcome.error().code != Code::kFull) {
    status_.fail(outcome.error());
  }
  return !outcome.ok() || *outcome;
}

void Housekeeping::check_space() {
  Result<DiskSpace> space = files_.space(options_.folder);
  if (!space.ok()) {
    status_.fail(space.error());
    return;
  }
  available_bytes_ = space->available_bytes;
  // A writer that found no segment has refused events: it stays so until one fits, or events would be let in to no end.
  bool segment_missing =
      status_.disk_full() &&
      std::any_of(parts_.begin(), parts_.end(), [](const HouseholdPart& part) { return part.spares.empty(); });
  if (available_bytes_ >= options_.free_bytes_min + (segment_missing ? options_.segment_bytes : 0)) {
    status_.set_disk_full(std::nullopt);
    return;
  }
  status_.set_disk_full(full(fmt::format(
      "{} bytes are free in {}, less than stream.free_bytes_min = {}{}: free some, or "
      "let the log keep less",
      available_bytes_, options_.folder, options_.free_bytes_min, segment_missing ? " and a segment" : "")));
}

bool Housekeeping::supply(HouseholdPart& part) {
  if (!part.spares.empty()) {
    return true;
  }
  Result<bool> made = make_spare(part);
  if (!made.ok()) {
    give_up_making();
    part.spares.refuse(made.error());
  }
  return judge(made);
}

Result<bool> Housekeeping::make_spare(HouseholdPart& part) {
  if (!making_) {
    MR_TRY(begin_spare(part));
  }
  if (making_->spare.bytes < options_.segment_bytes) {
    MR_TRY(write_zeros(making_->spare));
    return false;
  }
  MR_TRY(files_.sync_folder(part.folder));
  part.spares.put(std::move(making_->spare));
  making_.reset();
  return true;
}

Result<void> Housekeeping::begin_spare(HouseholdPart& part) {
  std::uint64_t id = part.next_id++;
  std::string path = part.folder + "/" + segment_name(id);
  if (!part.recycled.empty()) {
    MR_TRY(files_.rename(part.recycled.back(), path));
    part.recycled.pop_back();
    MR_ASSIGN(std::unique_ptr<File> file, files_.open(path, OpenMode::kReadWrite));
    making_ = Making{{id, std::move(file), options_.segment_bytes}, path};
    return {};
  }
  if (available_bytes_ < options_.free_bytes_min + options_.segment_bytes) {
    return full(fmt::format("{} bytes are free in {}: no space for another segment of the log", available_bytes_,
                            options_.folder));
  }
  MR_ASSIGN(std::unique_ptr<File> file, files_.open(path, OpenMode::kCreate));
  making_ = Making{{id, std::move(file), 0}, path};
  return {};
}

// In pieces that are synced one by one, so that the log's own syncs never stand behind a long queue.
Result<void> Housekeeping::write_zeros(Spare& spare) {
  const std::string zeros(std::min<std::uint64_t>(kZeroPieceBytes, options_.segment_bytes - spare.bytes), '\0');
  std::string_view piece[] = {zeros};
  MR_TRY(spare.file->write_at(spare.bytes, piece));
  MR_TRY(spare.file->sync());
  spare.bytes += zeros.size();
  return {};
}

// What is left of it is in nobody's way: a start recycles or removes it.
void Housekeeping::give_up_making() {
  if (making_) {
    (void)files_.remove(making_->path).ok();  // if that fails too, the error that counts is the first one
    making_.reset();
  }
}

// The wall clock, but never ahead of the time that has passed: a clock that jumps a day forward must not cost a day of
// log.
TimeNs Housekeeping::retention_now() {
  return std::min(clock_.wall(), wall_start_ + (clock_.monotonic() - monotonic_start_));
}

Result<bool> Housekeeping::retain(HouseholdPart& part) {
  std::uint64_t bytes_max = options_.retain_bytes / parts_.size();
  TimeNs received_min = retention_now() - options_.retain_ms * 1'000'000;
  std::optional<SegmentInfo> oldest = part.list.give_up_oldest(received_min, bytes_max);
  if (!oldest) {
    return true;
  }
  if (Result<void> gone = take_away(part, *oldest); !gone.ok()) {
    part.list.put_back(std::move(*oldest));
    return gone.error();
  }
  return false;
}

Result<void> Housekeeping::take_away(HouseholdPart& part, const SegmentInfo& segment) {
  std::string path = part.folder + "/" + segment_name(segment.id);
  Result<void> index_removed = files_.remove(part.folder + "/" + index_name(segment.id));
  if (!index_removed.ok() && index_removed.error().code != Code::kNotFound) {
    return index_removed;
  }
  if (segment.file_bytes == options_.segment_bytes && part.recycled.size() < kRecycledMax) {
    std::string recycled = path + ".free";
    MR_TRY(files_.rename(path, recycled));
    part.recycled.push_back(std::move(recycled));
  } else {
    MR_TRY(files_.remove(path));
  }
  // Else a power cut could bring it back after a later one has gone: a hole that nobody made. It is gone by now
  // whatever this says, so an error stops the log instead of putting it back.
  if (Result<void> synced = files_.sync_folder(part.folder); !synced.ok()) {
    status_.fail(synced.error());
  }
  return {};
}

Result<bool> Housekeeping::keep_index(HouseholdPart& part) {
  std::vector<std::uint64_t> ids = part.list.unkept_indexes(last_);
  if (ids.empty()) {
    return true;
  }
  std::string path = part.folder + "/" + index_name(ids.front());
  MR_TRY(replace_file(files_, path, encode_index(ids.front(), part.list.index(ids.front()))));
  part.list.drop_index(ids.front());
  return ids.size() == 1;
}

void Housekeeping::show() {
  std::size_t segments = 0;
  std::uint64_t bytes = 0;
  for (const HouseholdPart& part : parts_) {
    segments += part.list.segments();
    bytes += part.list.state().bytes;
  }
  metrics_.set(Metric::kStreamSegments, static_cast<std::int64_t>(segments));
  metrics_.set(Metric::kStreamBytes, static_cast<std::int64_t>(bytes));
}

}  // namespace millrace
