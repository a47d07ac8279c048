#include "process/checkpoint.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/json.h"

namespace millrace {
namespace {

constexpr std::uint64_t kCheckpointBytesMax = 16 << 20;

Result<void> check_frame(std::string_view bytes) {
  constexpr std::size_t kBytesMin = 4 + 2 + 2;
  if (bytes.size() < kBytesMin || load_le<std::uint32_t>(bytes.data()) != kCheckpointMagic) {
    return corrupt("this is not a checkpoint of Millrace");
  }
  auto version = load_le<std::uint16_t>(bytes.data() + 4);
  if (version == 0) return corrupt("the checkpoint has format version 0, which there never was");
  if (version > kCheckpointVersion) {
    return invalid(
        fmt::format("the checkpoint has format version {}, this program reads up to {}: start the newer program",
                    version, kCheckpointVersion));
  }
  std::size_t body = bytes.size() - sizeof(std::uint32_t);
  if (load_le<std::uint32_t>(bytes.data() + body) != crc32c(bytes.substr(0, body))) {
    return corrupt("the checkpoint does not match its checksum");
  }
  return {};
}

}  // namespace

std::string encode_checkpoint(const Checkpoint& checkpoint) {
  std::string bytes;
  append_le(bytes, kCheckpointMagic);
  append_le(bytes, kCheckpointVersion);
  append_le(bytes, checkpoint.partition.value);
  append_le(bytes, checkpoint.generation.value);
  append_le(bytes, checkpoint.epoch.value);
  const Counts& counts = checkpoint.counts;
  for (std::uint64_t number :
       {counts.position.value, counts.rows, counts.repeats, counts.failed, counts.lost, counts.hash}) {
    append_le(bytes, number);
  }
  append_le(bytes, static_cast<std::uint32_t>(checkpoint.owners.size()));
  for (const Ownership& owner : checkpoint.owners) {
    append_le(bytes, owner.epoch.value);
    append_le(bytes, owner.first.value);
  }
  append_le(bytes, crc32c(bytes));
  return bytes;
}

Result<Checkpoint> decode_checkpoint(std::string_view bytes) {
  MR_TRY(check_frame(bytes));
  ByteReader reader(bytes.substr(6, bytes.size() - 6 - sizeof(std::uint32_t)));
  Checkpoint checkpoint;
  checkpoint.partition = PartitionId(reader.number<std::uint16_t>());
  checkpoint.generation = Generation(reader.number<std::uint32_t>());
  checkpoint.epoch = Epoch(reader.number<std::uint32_t>());
  Counts& counts = checkpoint.counts;
  counts.position = SequenceNumber(reader.number<std::uint64_t>());
  for (std::uint64_t* number : {&counts.rows, &counts.repeats, &counts.failed, &counts.lost, &counts.hash}) {
    *number = reader.number<std::uint64_t>();
  }
  auto owners = reader.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < owners && reader.ok(); ++i) {
    Epoch epoch(reader.number<std::uint32_t>());
    checkpoint.owners.push_back({epoch, SequenceNumber(reader.number<std::uint64_t>())});
  }
  bool adds_up = counts.position.value == counts.rows + counts.repeats + counts.failed + counts.lost;
  if (!reader.ok() || !reader.rest().empty() || !adds_up) {
    return corrupt("the checkpoint's numbers do not fit together");
  }
  return checkpoint;
}

std::string checkpoint_path(const std::string& folder, PartitionId partition) {
  return fmt::format("{}/checkpoint-p{}", folder, partition.value);
}

Result<Checkpoint> load_checkpoint(FileSystem& files, const std::string& folder, Generation generation,
                                   PartitionId partition) {
  std::string path = checkpoint_path(folder, partition);
  MR_ASSIGN(std::string bytes, read_file(files, path, kCheckpointBytesMax));
  Result<Checkpoint> checkpoint = decode_checkpoint(bytes);
  if (!checkpoint.ok()) {
    return Error{checkpoint.error().code, path + ": " + checkpoint.error().message};
  }
  if (checkpoint->generation != generation || checkpoint->partition != partition) {
    return invalid(fmt::format(
        "{} is of generation {} and partition {}, but the log is generation {}, partition {}: "
        "these folders do not belong together",
        path, checkpoint->generation.value, checkpoint->partition.value, generation.value, partition.value));
  }
  return checkpoint;
}

Result<void> save_checkpoint(FileSystem& files, const std::string& folder, const Checkpoint& checkpoint) {
  return replace_file(files, checkpoint_path(folder, checkpoint.partition), encode_checkpoint(checkpoint));
}

Epoch owner_of(const std::vector<Ownership>& owners, SequenceNumber place) {
  Epoch epoch;
  for (const Ownership& owner : owners) {
    if (owner.first <= place) {
      epoch = owner.epoch;
    }
  }
  return epoch;
}

void add_owner(std::vector<Ownership>& owners, Ownership owner, SequenceNumber kept_from) {
  while (!owners.empty() && owners.back().first >= owner.first) {
    owners.pop_back();
  }
  if (owners.empty() || owners.back().epoch < owner.epoch) {
    owners.push_back(owner);
  }
  while (owners.size() > 1 && owners[1].first <= kept_from) {
    owners.erase(owners.begin());
  }
}

Result<std::string> dump_checkpoint(FileSystem& files, const std::string& path) {
  MR_ASSIGN(std::string bytes, read_file(files, path, kCheckpointBytesMax));
  MR_ASSIGN(Checkpoint checkpoint, decode_checkpoint(bytes));
  JsonWriter json;
  json.begin_object().key("generation").unsigned_integer(checkpoint.generation.value);
  json.key("partition").unsigned_integer(checkpoint.partition.value);
  json.key("epoch").unsigned_integer(checkpoint.epoch.value);
  json.key("position").unsigned_integer(checkpoint.counts.position.value);
  json.key("rows").unsigned_integer(checkpoint.counts.rows);
  json.key("repeats").unsigned_integer(checkpoint.counts.repeats);
  json.key("failed").unsigned_integer(checkpoint.counts.failed);
  json.key("lost").unsigned_integer(checkpoint.counts.lost);
  json.key("hash").string(fmt::format("{:016x}", checkpoint.counts.hash));
  json.key("owners").begin_array();
  for (const Ownership& owner : checkpoint.owners) {
    json.begin_object().key("epoch").unsigned_integer(owner.epoch.value);
    json.key("first").unsigned_integer(owner.first.value).end_object();
  }
  json.end_array().end_object();
  return json.take();
}

}  // namespace millrace
