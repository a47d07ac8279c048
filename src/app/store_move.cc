#include "app/store_move.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "app/node.h"
#include "app/store_place.h"
#include "process/checkpoint.h"
#include "process/store_uses.h"

namespace millrace {
namespace {

using clickhouse::Contents;
using clickhouse::CopyProgress;
using clickhouse::CopySide;
using clickhouse::PlaceRange;
using clickhouse::StoreCopy;

constexpr std::uint64_t kFewPlaces = 200'000;  // the last round of a live move brings at most about so many
constexpr int kRoundsMax = 10;

class Move {
 public:
  Move(const Settings& settings, std::string program, const MoveOptions& options)
      : values_(settings.values()), program_(std::move(program)), options_(options) {}

  Result<MoveReport> run();

 private:
  // What of a partition of this generation is in the target.
  struct Part {
    Checkpoint checkpoint;
    SequenceNumber until;
    Contents contents;
  };

  Result<void> lock();
  Result<void> open();
  Result<void> check_target();
  Result<void> begin();
  Result<std::uint64_t> load_checkpoints();
  Result<void> bring_older_generations();
  Result<void> bring_rounds();
  Result<void> bring_part(Part& part);
  Result<void> remove_rest();
  Result<void> check_parts() const;
  Result<void> finish();
  SequenceNumber target_end(Generation generation, PartitionId partition) const;

  const SettingValues& values_;
  const std::string program_;
  const MoveOptions& options_;
  FileSystem& files_ = posix_file_system();
  Metrics metrics_;
  std::string data_;
  std::unique_ptr<FileLock> data_lock_;  // null while a server runs
  std::unique_ptr<FileLock> move_lock_;
  Node node_;
  StorePlace from_place_, to_place_;
  std::unique_ptr<CopySide> from_, to_;
  std::unique_ptr<StoreCopy> copy_;
  std::map<PartitionId, Epoch> last_owners_;  // of this folder, in the target
  std::vector<PlaceRange> target_extent_;
  std::map<PartitionId, Part> parts_;
  std::vector<PlaceRange> moved_;
  std::uint64_t rows_all_ = 0;
  MoveReport report_;
};

Result<void> Move::lock() {
  data_ = std::filesystem::absolute(values_.data).lexically_normal().string();
  if (!std::filesystem::exists(data_ + "/node.json")) {
    return not_found(data_ + " is no data folder of Millrace");
  }
  Result<std::unique_ptr<FileLock>> lock = files_.lock(data_ + "/LOCK");
  report_.live = !lock.ok();
  if (lock.ok()) {
    data_lock_ = std::move(*lock);
  } else if (lock.error().code != Code::kUnavailable) {
    return lock.error();
  }
  Result<std::unique_ptr<FileLock>> alone = files_.lock(data_ + "/MOVE");
  if (!alone.ok()) {
    return alone.error().code == Code::kUnavailable
               ? invalid("another `millrace migrate` is at work on " + data_ + ": wait for it, or end it")
               : alone.error();
  }
  move_lock_ = std::move(*alone);
  Node wanted;
  wanted.stream = values_.stream_kind;
  MR_ASSIGN(node_, open_node(files_, data_, wanted, false));
  return {};
}

Result<void> Move::open() {
  const std::string& url = values_.store_url;
  if (!values_.store_cluster.empty()) {
    return invalid("events are moved out of one server or the embedded engine, not out of a cluster (store.cluster)");
  }
  if (store_name(url) == store_name(options_.to)) {
    return invalid(fmt::format("the events are in {} already", store_name(url)));
  }
  if (url.empty() && report_.live) {
    MR_ASSIGN(from_place_, engine_port(values_));
  } else {
    MR_ASSIGN(from_place_, open_store_place(url, values_, data_, program_, metrics_));
  }
  for (std::uint16_t i = 0; i < node_.partitions; ++i) {
    MR_ASSIGN(std::vector<StoreUse> uses, load_store_uses(files_, data_ + "/process", PartitionId(i)));
    if (!uses.empty() && uses.back().store != from_place_.name) {
      return invalid(fmt::format("{} keeps its events in {}, not in {} as the configuration says", data_,
                                 uses.back().store, from_place_.name));
    }
    for (const StoreUse& use : uses) {
      if (use.store == store_name(options_.to)) {
        last_owners_[PartitionId(i)] = use.epoch;
      }
    }
  }
  MR_ASSIGN(from_, CopySide::create(from_place_.name, from_place_.address, from_place_.database));
  MR_ASSIGN(bool there, from_->look());
  if (!there || from_->claims().empty()) {
    return invalid(from_->name() + " holds nothing yet: there is nothing to move, set the new store right away");
  }
  if (from_->mark().open) {
    return invalid(from_->name() + " is itself the target of a copy that has not ended: end that one first");
  }
  MR_ASSIGN(to_place_, open_store_place(options_.to, values_, data_, program_, metrics_));
  MR_ASSIGN(to_, CopySide::create(to_place_.name, to_place_.address, to_place_.database));
  copy_ = std::make_unique<StoreCopy>(*from_, *to_, options_.piece_places, [this](const CopyProgress& progress) {
    report_.copied = progress.copied;
    return options_.go_on({progress.rows, progress.copied, progress.compared, rows_all_});
  });
  report_.from = from_->name();
  report_.to = to_->name();
  return {};
}

// The target is empty; or all of its takeovers are the source's too; or the last one was of this folder's own owner,
// who stored there then. Everybody else's target is left alone.
Result<void> Move::check_target() {
  MR_ASSIGN(bool there, to_->look());
  if (!there) {
    return {};
  }
  std::map<PartitionId, clickhouse::Claim> strange;  // the newest of each partition that is not the source's
  for (const clickhouse::Claim& claim : to_->claims()) {
    if (!std::binary_search(from_->claims().begin(), from_->claims().end(), claim)) {
      strange[claim.partition] = claim;
    }
  }
  for (const auto& [partition, claim] : strange) {
    auto own = last_owners_.find(partition);
    if (claim.generation != node_.generation || own == last_owners_.end() || own->second != claim.epoch) {
      return invalid(
          fmt::format("{} has a history of its own: owner {} of its partition {} never was one in {}. Another server "
                      "stores there, or has. Name another database",
                      to_->name(), claim.epoch.value, partition.value, from_->name()));
    }
  }
  MR_ASSIGN(target_extent_, to_->extent());
  if (to_->claims().empty() && !target_extent_.empty()) {
    return invalid(to_->name() + " has events that did not come from a move: name another database");
  }
  return {};
}

Result<void> Move::begin() {
  MR_ASSIGN(std::vector<clickhouse::KeptProperty> kept, from_->kept_columns());
  MR_TRY(check_target());
  MR_TRY(to_->begin(declared_properties(values_), kept, to_place_.engine == nullptr));
  MR_TRY(to_->settle());
  MR_ASSIGN(target_extent_, to_->extent());
  return {};
}

SequenceNumber Move::target_end(Generation generation, PartitionId partition) const {
  for (const PlaceRange& range : target_extent_) {
    if (range.generation == generation && range.partition == partition) {
      return range.places.end;
    }
  }
  return SequenceNumber(0);
}

// How many places have been added to what is to be brought.
Result<std::uint64_t> Move::load_checkpoints() {
  std::uint64_t places = 0;
  rows_all_ = 0;
  for (std::uint16_t i = 0; i < node_.partitions; ++i) {
    PartitionId partition(i);
    Result<Checkpoint> loaded = load_checkpoint(files_, data_ + "/process", node_.generation, partition);
    if (!loaded.ok() && loaded.error().code == Code::kNotFound) {
      continue;  // nothing was stored yet
    }
    if (!loaded.ok()) {
      return loaded.error();
    }
    Part& part = parts_[partition];
    part.checkpoint = *loaded;
    places += loaded->counts.position.value - part.until.value;
    rows_all_ += loaded->counts.rows;
  }
  return places;
}

// Of these nothing changes any more, and no checkpoint tells how far they reach.
Result<void> Move::bring_older_generations() {
  MR_ASSIGN(std::vector<PlaceRange> extent, from_->extent());
  for (PlaceRange range : extent) {
    if (range.generation > node_.generation ||
        (range.generation == node_.generation && !parts_.contains(range.partition))) {
      return invalid(fmt::format("{} has rows of partition {} of generation {}, which {} doesn't have", from_->name(),
                                 range.partition.value, range.generation.value, data_));
    }
    if (range.generation < node_.generation) {
      range.places.begin = SequenceNumber(0);
      MR_TRY(copy_->bring(range, target_end(range.generation, range.partition)));
      moved_.push_back(range);
    }
  }
  return {};
}

Result<void> Move::bring_part(Part& part) {
  PlaceRange range{node_.generation, part.checkpoint.partition, {part.until, part.checkpoint.counts.position}};
  MR_ASSIGN(Contents brought, copy_->bring(range, target_end(range.generation, range.partition)));
  part.contents.add(brought);
  part.until = range.places.end;
  return {};
}

// What comes in meanwhile is brought in rounds, each shorter than the one before.
Result<void> Move::bring_rounds() {
  std::uint64_t before = UINT64_MAX;
  MR_ASSIGN(std::uint64_t places, load_checkpoints());
  MR_TRY(bring_older_generations());
  for (int round = 0; round < kRoundsMax; ++round) {
    MR_TRY(from_->look());
    MR_TRY(to_->adopt(*from_));
    for (auto& [partition, part] : parts_) {
      MR_TRY(bring_part(part));
    }
    bool last = round + 1 == kRoundsMax;
    if (last || !report_.live || places <= kFewPlaces || places > before / 2) {
      return {};
    }
    before = places;
    MR_ASSIGN(places, load_checkpoints());
  }
  return {};
}

// A target that was stored to before may have rows further on; the log has them.
Result<void> Move::remove_rest() {
  constexpr SequenceNumber kEnd{UINT64_MAX};
  for (const auto& [partition, part] : parts_) {
    if (target_end(node_.generation, partition) > part.until) {
      MR_TRY(to_->remove({node_.generation, partition, {part.until, kEnd}}));
    }
  }
  return {};
}

// A checkpoint says what its store holds, from the log and not from the store.
Result<void> Move::check_parts() const {
  for (const auto& [partition, part] : parts_) {
    const Counts& counts = part.checkpoint.counts;
    if (part.until == counts.position && part.contents.rows == counts.rows && part.contents.hash == counts.hash) {
      continue;
    }
    return invalid(
        fmt::format("{} itself has {} rows of partition {} before {}, or their contents, where its checkpoint says {} "
                    "rows: start the server with it once more, which mends what it can from the log, then move",
                    from_->name(), part.contents.rows, partition.value, part.until.value, counts.rows));
  }
  return {};
}

Result<void> Move::finish() {
  for (const auto& [partition, part] : parts_) {
    moved_.push_back({node_.generation, partition, {SequenceNumber(0), part.until}});
    report_.partitions.push_back({partition, part.until});
    report_.rows += part.contents.rows;
  }
  MR_ASSIGN(report_.days, copy_->compare(moved_));
  for (const clickhouse::ComparedDay& day : report_.days) {
    report_.equal = report_.equal && day.from.same_rows(day.to);
  }
  if (!report_.equal) {
    return {};
  }
  MR_TRY(check_parts());
  MR_TRY(from_->look());
  MR_TRY(check_target());  // nobody came meanwhile
  MR_TRY(to_->end());
  return to_place_.engine != nullptr ? to_place_.engine->flush() : Result<void>();
}

Result<MoveReport> Move::run() {
  MR_TRY(lock());
  MR_TRY(open());
  MR_TRY(begin());
  MR_TRY(bring_rounds());
  MR_TRY(remove_rest());
  MR_TRY(finish());
  return std::move(report_);
}

}  // namespace

Result<MoveReport> move_store(const Settings& settings, const std::string& program, const MoveOptions& options) {
  return Move(settings, program, options).run();
}

}  // namespace millrace
