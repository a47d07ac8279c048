#include "process/snapshot.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/sabotage.h"
#include "process/snapshot_codec.h"

namespace millrace {
namespace {

// The number in "<prefix><number>"; nothing for other names.
std::optional<std::uint64_t> number_after(std::string_view name, std::string_view prefix) {
  std::uint64_t number = 0;
  if (!name.starts_with(prefix) || name.size() == prefix.size()) {
    return std::nullopt;
  }
  name.remove_prefix(prefix.size());
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? std::optional(number) : std::nullopt;
}

std::string snapshot_prefix(PartitionId partition) { return fmt::format("snapshot-p{}-", partition.value); }
std::string chunk_prefix(PartitionId partition) { return fmt::format("ids-p{}-", partition.value); }

}  // namespace

SnapshotFolder::SnapshotFolder(FileSystem& files, std::string folder, Generation generation, PartitionId partition)
    : files_(files), folder_(std::move(folder)), generation_(generation), partition_(partition) {}

std::string SnapshotFolder::snapshot_path(std::uint64_t number) const {
  return fmt::format("{}/{}{:012}", folder_, snapshot_prefix(partition_), number);
}

std::string SnapshotFolder::chunk_path(std::uint64_t chunk) const {
  return fmt::format("{}/{}{:012}", folder_, chunk_prefix(partition_), chunk);
}

Result<std::vector<std::uint64_t>> SnapshotFolder::numbers() const {
  MR_ASSIGN(std::vector<std::string> names, files_.list(folder_));
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    if (std::optional<std::uint64_t> number = number_after(name, snapshot_prefix(partition_))) {
      numbers.push_back(*number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<IdChunk> SnapshotFolder::read_chunk(std::uint64_t chunk, std::uint32_t crc) const {
  MR_ASSIGN(std::string bytes, read_file(files_, chunk_path(chunk), kSnapshotFileBytesMax));
  Result<IdChunk> read = decode_id_chunk(bytes, partition_, chunk, crc);
  if (!read.ok()) {
    return Error{read.error().code, chunk_path(chunk) + ": " + read.error().message};
  }
  return read;
}

Result<Snapshot> SnapshotFolder::read(std::uint64_t number, Kept& kept) {
  MR_ASSIGN(std::string bytes, read_file(files_, snapshot_path(number), kSnapshotFileBytesMax));
  MR_ASSIGN(SnapshotBytes raw, decode_snapshot(bytes));
  if (raw.checkpoint.generation != generation_ || raw.checkpoint.partition != partition_) {
    return invalid(fmt::format(
        "it is of generation {} and partition {}, but the log is generation {}, partition {}: "
        "these folders do not belong together",
        raw.checkpoint.generation.value, raw.checkpoint.partition.value, generation_.value, partition_.value));
  }
  IdTable ids(raw.ids.limits);
  std::uint64_t open = raw.ids.open ? 1 : 0;
  kept = {number, raw.checkpoint.counts.position, raw.ids.next_chunk};
  for (const ChunkName& name : raw.ids.sealed) {
    if (name.number + raw.ids.sealed.size() != raw.ids.next_chunk + (&name - raw.ids.sealed.data()) - open) {
      return corrupt("its chunks of ids are not in order");
    }
    MR_ASSIGN(IdChunk chunk, read_chunk(name.number, name.crc));
    kept.first_chunk = std::min(kept.first_chunk, name.number);
    if (!sabotaged(Sabotage::kForgetIds)) {
      ids.restore(std::move(chunk));
    }
  }
  if (raw.ids.open && !sabotaged(Sabotage::kForgetIds)) {
    raw.ids.open->entries.reserve(raw.ids.limits.chunk_ids);
    ids.restore(std::move(*raw.ids.open));
  }
  ids.restore_position(raw.ids.next_chunk, raw.ids.newest_received);
  return Snapshot{
      std::move(raw.checkpoint), {IdHasher(raw.ids.secret), std::move(ids), std::move(raw.gaps)}, std::move(raw.views)};
}

Result<std::optional<Snapshot>> SnapshotFolder::load() {
  complaints_.clear();
  kept_.clear();
  MR_ASSIGN(std::vector<std::uint64_t> found, numbers());
  next_number_ = found.empty() ? 1 : found.back() + 1;
  for (auto number = found.rbegin(); number != found.rend(); ++number) {
    Kept kept;
    Result<Snapshot> snapshot = read(*number, kept);
    if (snapshot.ok()) {
      kept_ = {kept};
      return std::optional<Snapshot>(std::move(snapshot).value());
    }
    Error error = std::move(snapshot).error();
    if (error.code != Code::kCorrupt && error.code != Code::kNotFound) {
      return Error{error.code, snapshot_path(*number) + ": " + error.message};
    }
    complaints_.push_back(snapshot_path(*number) + ": " + error.message);
  }
  return std::optional<Snapshot>();
}

Result<std::uint64_t> SnapshotFolder::save(const Checkpoint& checkpoint, FoldState& state, std::string views) {
  std::uint64_t written = 0;
  SnapshotBytes raw{checkpoint, {}, state.gaps, std::move(views)};
  raw.ids.secret = state.hasher.secret();
  raw.ids.limits = state.ids.limits();
  raw.ids.next_chunk = state.ids.next_chunk();
  raw.ids.newest_received = state.ids.newest_received();
  Kept kept{next_number_, checkpoint.counts.position, raw.ids.next_chunk};
  for (IdChunk& chunk : state.ids.chunks()) {
    if (!chunk.sealed) {
      raw.ids.open = chunk;
      continue;
    }
    if (!chunk.written) {
      std::string bytes = encode_id_chunk(chunk, partition_);
      MR_TRY(replace_file(files_, chunk_path(chunk.number), bytes));
      chunk.written = true;
      chunk.crc = load_le<std::uint32_t>(bytes.data() + bytes.size() - 4);
      written += bytes.size();
    }
    raw.ids.sealed.push_back({chunk.number, chunk.crc});
    kept.first_chunk = std::min(kept.first_chunk, chunk.number);
  }
  std::string bytes = encode_snapshot(raw);
  MR_TRY(replace_file(files_, snapshot_path(next_number_), bytes));
  ++next_number_;
  kept_.push_back(kept);
  if (kept_.size() > 2) {
    kept_.erase(kept_.begin());
  }
  MR_TRY(remove_unneeded());
  return written + bytes.size();
}

Result<void> SnapshotFolder::remove_unneeded() {
  MR_ASSIGN(std::vector<std::string> names, files_.list(folder_));
  std::uint64_t first_number = kept_.front().number;
  std::uint64_t first_chunk = std::min(kept_.front().first_chunk, kept_.back().first_chunk);
  for (const std::string& name : names) {
    std::optional<std::uint64_t> snapshot = number_after(name, snapshot_prefix(partition_));
    std::optional<std::uint64_t> chunk = number_after(name, chunk_prefix(partition_));
    bool unneeded = (snapshot && *snapshot < first_number) || (chunk && *chunk < first_chunk);
    if (unneeded) {
      MR_TRY(files_.remove(folder_ + "/" + name));
    }
  }
  return {};
}

SequenceNumber SnapshotFolder::log_needed_from() const {
  return kept_.size() < 2 ? SequenceNumber(0) : kept_.front().position;
}

}  // namespace millrace
