#include "process/snapshot_codec.h"

#include <bit>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace millrace {
namespace {

// Every file: u32 magic, u16 version, content, u32 CRC-32C of all before it.
constexpr std::size_t kFrameBytes = 4 + 2 + 4;

void append_frame(std::string& bytes, std::uint32_t magic, std::uint16_t version) {
  append_le(bytes, magic);
  append_le(bytes, version);
}

Result<std::string_view> unframe(std::string_view bytes, std::uint32_t magic, std::uint16_t version_max) {
  if (bytes.size() < kFrameBytes || load_le<std::uint32_t>(bytes.data()) != magic) {
    return corrupt("it does not begin as it should");
  }
  auto version = load_le<std::uint16_t>(bytes.data() + 4);
  if (version == 0) return corrupt("it has format version 0, which there never was");
  if (version > version_max) {
    return invalid(fmt::format("it has format version {}, this program reads up to {}: start the newer program",
                               version, version_max));
  }
  std::string_view before_crc = bytes.substr(0, bytes.size() - 4);
  if (load_le<std::uint32_t>(bytes.data() + before_crc.size()) != crc32c(before_crc)) {
    return corrupt("it does not match its checksum");
  }
  return before_crc.substr(6);
}

void append_entries(std::string& bytes, const IdChunk& chunk) {
  append_le(bytes, chunk.number);
  append_le(bytes, chunk.oldest_received);
  append_le(bytes, chunk.newest_received);
  append_le(bytes, static_cast<std::uint32_t>(chunk.entries.size()));
  std::size_t at = bytes.size();
  bytes.resize(at + chunk.entries.size() * sizeof(IdEntry));
  for (const IdEntry& entry : chunk.entries) {
    store_le(bytes.data() + at, entry.id.low);
    store_le(bytes.data() + at + 8, entry.id.high);
    store_le(bytes.data() + at + 16, entry.sequence);
    at += sizeof(IdEntry);
  }
}

IdChunk read_entries(ByteReader& reader) {
  IdChunk chunk;
  chunk.number = reader.number<std::uint64_t>();
  chunk.oldest_received = reader.number<TimeNs>();
  chunk.newest_received = reader.number<TimeNs>();
  auto entries = reader.number<std::uint32_t>();
  ByteReader raw(reader.take(std::size_t{entries} * sizeof(IdEntry)));
  chunk.entries.reserve(raw.rest().size() / sizeof(IdEntry));
  while (!raw.rest().empty()) {
    IdEntry entry;
    entry.id.low = raw.number<std::uint64_t>();
    entry.id.high = raw.number<std::uint64_t>();
    entry.sequence = raw.number<std::uint64_t>();
    chunk.entries.push_back(entry);
  }
  return chunk;
}

std::string encode_ids(const IdSection& ids) {
  std::string bytes = ids.secret;
  append_le(bytes, ids.limits.ids_max);
  append_le(bytes, ids.limits.window_ns);
  append_le(bytes, ids.limits.chunk_ids);
  append_le(bytes, ids.next_chunk);
  append_le(bytes, ids.newest_received);
  append_le(bytes, static_cast<std::uint32_t>(ids.sealed.size()));
  for (const ChunkName& chunk : ids.sealed) {
    append_le(bytes, chunk.number);
    append_le(bytes, chunk.crc);
  }
  append_le(bytes, static_cast<std::uint8_t>(ids.open.has_value()));
  if (ids.open) {
    append_entries(bytes, *ids.open);
  }
  return bytes;
}

Result<IdSection> decode_ids(std::string_view bytes) {
  ByteReader reader(bytes);
  IdSection ids;
  ids.secret = std::string(reader.take(kIdSecretBytes));
  ids.limits.ids_max = reader.number<std::uint64_t>();
  ids.limits.window_ns = reader.number<std::int64_t>();
  ids.limits.chunk_ids = reader.number<std::uint32_t>();
  ids.next_chunk = reader.number<std::uint64_t>();
  ids.newest_received = reader.number<TimeNs>();
  auto sealed = reader.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < sealed && reader.ok(); ++i) {
    auto number = reader.number<std::uint64_t>();
    ids.sealed.push_back({number, reader.number<std::uint32_t>()});
  }
  if (reader.number<std::uint8_t>() != 0) {
    ids.open = read_entries(reader);
  }
  if (!reader.ok() || !reader.rest().empty() || !id_limits_hold(ids.limits)) {
    return corrupt("its section of ids does not fit together");
  }
  return ids;
}

void append_section(std::string& bytes, SnapshotSection kind, std::string_view content) {
  append_le(bytes, static_cast<std::uint32_t>(kind));
  append_le(bytes, static_cast<std::uint64_t>(content.size()));
  bytes.append(content);
}

}  // namespace

std::string encode_id_chunk(const IdChunk& chunk, PartitionId partition) {
  std::string bytes;
  append_frame(bytes, kIdChunkMagic, kIdChunkVersion);
  append_le(bytes, partition.value);
  append_entries(bytes, chunk);
  append_le(bytes, crc32c(bytes));
  return bytes;
}

Result<IdChunk> decode_id_chunk(std::string_view bytes, PartitionId partition, std::uint64_t number,
                                std::uint32_t crc) {
  MR_ASSIGN(std::string_view content, unframe(bytes, kIdChunkMagic, kIdChunkVersion));
  if (load_le<std::uint32_t>(bytes.data() + bytes.size() - 4) != crc) {
    return corrupt("it is not the one that the snapshot names");
  }
  ByteReader reader(content);
  PartitionId written_for(reader.number<std::uint16_t>());
  IdChunk chunk = read_entries(reader);
  chunk.sealed = true;
  chunk.written = true;
  chunk.crc = crc;
  if (!reader.ok() || !reader.rest().empty() || written_for != partition || chunk.number != number) {
    return corrupt("its numbers do not fit together");
  }
  return chunk;
}

std::string encode_snapshot(const SnapshotBytes& snapshot) {
  std::string bytes;
  append_frame(bytes, kSnapshotMagic, kSnapshotVersion);
  append_section(bytes, SnapshotSection::kCheckpoint, encode_checkpoint(snapshot.checkpoint));
  append_section(bytes, SnapshotSection::kIds, encode_ids(snapshot.ids));
  std::string gaps;
  snapshot.gaps.append_to(gaps);
  append_section(bytes, SnapshotSection::kGaps, gaps);
  if (!snapshot.views.empty()) {
    append_section(bytes, SnapshotSection::kViews, snapshot.views);
  }
  append_le(bytes, crc32c(bytes));
  return bytes;
}

Result<SnapshotBytes> decode_snapshot(std::string_view bytes) {
  MR_ASSIGN(std::string_view content, unframe(bytes, kSnapshotMagic, kSnapshotVersion));
  ByteReader reader(content);
  SnapshotBytes snapshot;
  unsigned found = 0;
  while (reader.ok() && !reader.rest().empty()) {
    auto kind = static_cast<SnapshotSection>(reader.number<std::uint32_t>());
    std::string_view section = reader.take(reader.number<std::uint64_t>());
    if (kind == SnapshotSection::kCheckpoint) {
      MR_ASSIGN(snapshot.checkpoint, decode_checkpoint(section));
      found |= 1;
    } else if (kind == SnapshotSection::kIds) {
      MR_ASSIGN(snapshot.ids, decode_ids(section));
      found |= 2;
    } else if (kind == SnapshotSection::kGaps) {
      MR_ASSIGN(snapshot.gaps, Gaps::parse(section));
      found |= 4;
    } else if (kind == SnapshotSection::kViews) {
      snapshot.views = section;
    }
  }
  if (!reader.ok() || found != 7) {
    return corrupt("a section is missing or cut");
  }
  return snapshot;
}

}  // namespace millrace
