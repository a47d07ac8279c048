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
  thread_.emplace("log-house", [this] { run(); });
}

Housekeeping::~Housekeeping() { stop(); }

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
    round(false);
    std::unique_lock lock(mutex_);
    work_.wait_for(lock, std::chrono::milliseconds(options_.check_interval_ms), [this] { return woken_ || stopping_; });
    woken_ = false;
  }
  round(true);
}

void Housekeeping::round(bool last) {
  if (status_.failed()) {
    for (HouseholdPart& part : parts_) {
      part.spares.close(status_.check().error());
    }
    return;
  }
  check_space();
  for (HouseholdPart& part : parts_) {
    if (!last) {
      supply(part);
    }
    judge(keep_indexes(part, last));
    judge(retain(part));
  }
  show();
}

// Without space it is tried again in the next round; after any other failure the log stops.
void Housekeeping::judge(const Result<void>& outcome) {
  if (!outcome.ok() && outcome.error().code != Code::kFull) {
    status_.fail(outcome.error());
  }
}

void Housekeeping::check_space() {
  Result<DiskSpace> space = files_.space(options_.folder);
  if (!space.ok()) {
    status_.fail(space.error());
    return;
  }
  available_bytes_ = space->available_bytes;
  if (available_bytes_ >= options_.free_bytes_min) {
    status_.set_disk_full(std::nullopt);
    return;
  }
  status_.set_disk_full(
      full(fmt::format("{} bytes are free in {}, less than stream.free_bytes_min = {}: free some, or "
                       "let the log keep less",
                       available_bytes_, options_.folder, options_.free_bytes_min)));
}

void Housekeeping::supply(HouseholdPart& part) {
  if (!part.spares.empty() || status_.failed()) {
    return;
  }
  Result<Spare> spare = make_spare(part);
  if (spare.ok()) {
    part.spares.put(std::move(*spare));
    return;
  }
  part.spares.refuse(spare.error());
  judge(spare.error());
  if (status_.failed()) {
    part.spares.close(status_.check().error());
  }
}

Result<Spare> Housekeeping::make_spare(HouseholdPart& part) {
  std::uint64_t id = part.next_id++;
  std::string path = part.folder + "/" + segment_name(id);
  if (!part.recycled.empty()) {
    MR_TRY(files_.rename(part.recycled.back(), path));
    part.recycled.pop_back();
    MR_TRY(files_.sync_folder(part.folder));
    MR_ASSIGN(std::unique_ptr<File> file, files_.open(path, OpenMode::kReadWrite));
    return Spare{id, std::move(file), options_.segment_bytes};
  }
  if (available_bytes_ < options_.free_bytes_min + options_.segment_bytes) {
    return full(fmt::format("{} bytes are free in {}: no space for another segment of the log", available_bytes_,
                            options_.folder));
  }
  MR_ASSIGN(std::unique_ptr<File> file, files_.open(path, OpenMode::kCreate));
  if (Result<void> written = write_zeros(*file); !written.ok()) {
    (void)files_.remove(path).ok();  // the error that counts is the first one; a start removes what is left
    return written.error();
  }
  MR_TRY(files_.sync_folder(part.folder));
  return Spare{id, std::move(file), options_.segment_bytes};
}

// In pieces that are synced one by one, so that the log's own syncs never stand behind a long queue.
Result<void> Housekeeping::write_zeros(File& file) {
  const std::string zeros(std::min<std::uint64_t>(kZeroPieceBytes, options_.segment_bytes), '\0');
  for (std::uint64_t at = 0; at < options_.segment_bytes; at += zeros.size()) {
    std::string_view piece[] = {std::string_view(zeros).substr(0, options_.segment_bytes - at)};
    MR_TRY(file.write_at(at, piece));
    MR_TRY(file.sync());
  }
  return {};
}

// The wall clock, but never ahead of the time that has passed: a clock that jumps a day forward must not cost a day of
// log.
TimeNs Housekeeping::retention_now() {
  return std::min(clock_.wall(), wall_start_ + (clock_.monotonic() - monotonic_start_));
}

Result<void> Housekeeping::retain(HouseholdPart& part) {
  std::uint64_t bytes_max = options_.retain_bytes / parts_.size();
  TimeNs received_min = retention_now() - options_.retain_ms * 1'000'000;
  while (std::optional<SegmentInfo> oldest = part.list.give_up_oldest(received_min, bytes_max)) {
    if (Result<void> gone = take_away(part, *oldest); !gone.ok()) {
      part.list.put_back(std::move(*oldest));
      return gone;
    }
  }
  return {};
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

Result<void> Housekeeping::keep_indexes(HouseholdPart& part, bool with_newest) {
  for (std::uint64_t id : part.list.unkept_indexes(with_newest)) {
    MR_TRY(replace_file(files_, part.folder + "/" + index_name(id), encode_index(id, part.list.index(id))));
    part.list.drop_index(id);
  }
  return {};
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
