// Any bytes: a snapshot, a chunk of ids, gaps, or an error; what was read and is written again reads the same. The
// checksum is made to fit, so that what lies behind it is reached.
//
// bytes_max: 1024
// covers: src/process/snapshot_codec.cc src/process/gaps.cc src/process/checkpoint.cc
#include "base/bytes.h"
#include "base/check.h"
#include "base/crc32c.h"
#include "process/snapshot_codec.h"

namespace {

using namespace millrace;

// A snapshot's checkpoint is a section with a checksum of its own: that one is made to fit too.
void mend_checkpoint(std::string& bytes) {
  constexpr std::size_t kFirstSection = 6 + 12;
  if (bytes.size() < kFirstSection) return;
  std::uint64_t size = load_le<std::uint64_t>(bytes.data() + 10);
  if (size < 4 || size > bytes.size() - kFirstSection) return;
  std::size_t at = kFirstSection + static_cast<std::size_t>(size) - 4;
  store_le(bytes.data() + at, crc32c(std::string_view(bytes).substr(kFirstSection, at - kFirstSection)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (Result<Gaps> gaps = Gaps::parse(bytes); gaps.ok()) {
    std::string again;
    gaps->append_to(again);
    Result<Gaps> same = Gaps::parse(again);
    MR_CHECK(same.ok() && same->ranges() == gaps->ranges() && same->floor() == gaps->floor());
  }
  std::uint32_t crc = crc32c(bytes);
  std::string chunk = bytes;
  append_le(chunk, crc);
  std::uint64_t number = size >= 16 ? load_le<std::uint64_t>(bytes.data() + 8) : 0;
  PartitionId partition(size >= 8 ? load_le<std::uint16_t>(bytes.data() + 6) : std::uint16_t{0});
  if (Result<IdChunk> ids = decode_id_chunk(chunk, partition, number, crc); ids.ok()) {
    MR_CHECK(encode_id_chunk(*ids, partition) == chunk);
  }
  mend_checkpoint(bytes);
  append_le(bytes, crc32c(bytes));
  if (Result<SnapshotBytes> snapshot = decode_snapshot(bytes); snapshot.ok()) {
    std::string again = encode_snapshot(*snapshot);  // without sections of unknown kinds
    Result<SnapshotBytes> same = decode_snapshot(again);
    MR_CHECK(same.ok() && encode_snapshot(*same) == again);
  }
  return 0;
}
