// Any bytes may lie where segment files should. Scan, recovery, reader, dump and verify get through them, and agree:
// with a second, slow reading of docs/formats/segment.md below, and with each other.
//
// The input: a byte of flags (see Flag), known durable sequence (1), first sequence (1), where the second segment
// begins in the rest (2), 48 bytes of a header block, then frames.
//
// bytes_max: 1024
// covers: src/stream/log/segment_format.cc src/stream/log/segment_scan.cc src/stream/log/segment_cursor.cc
// covers: src/stream/log/segment_index.cc src/stream/log/recovery.cc src/stream/log/log_reader.cc
// covers: src/stream/log/dump.cc src/stream/log/verify.cc
#include <cstdio>
#include <optional>

#include "base/bytes.h"
#include "base/check.h"
#include "base/log.h"
#include "io/memory_files_for_test.h"
#include "stream/dump.h"
#include "stream/log/log_reader.h"
#include "stream/log/recovery.h"
#include "stream/log/segment_scan.h"
#include "stream/verify.h"

namespace {

using namespace millrace;

enum Flag { kFramesMended = 1, kHeaderMade = 2, kHeaderMended = 4, kTwoSegments = 8, kIndexToo = 16 };
constexpr std::size_t kHeaderPartBytes = 48;
const std::string kFolder = "log/g1/p0";
constexpr std::uint64_t kSegmentFileBytes = 8192;

// CRC-32C a bit at a time, and the layout as the page says it: nothing in common with the product's code.
std::uint32_t slow_crc(std::string_view bytes, std::uint32_t before = 0) {
  static const std::vector<std::uint32_t> table = [] {
    std::vector<std::uint32_t> rows(256);
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
      rows[i] = crc;
    }
    return rows;
  }();
  std::uint32_t crc = ~before;
  for (char byte : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

std::uint64_t number(std::string_view bytes, std::size_t at, int size) {
  std::uint64_t value = 0;
  for (int i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + static_cast<std::size_t>(i)]);
  return value;
}

struct PlainFrame {
  std::uint64_t offset, bytes, first, events, kind, durable, received;
  std::string payload;
};

std::uint32_t plain_crc(std::string_view file, std::uint64_t offset, std::uint64_t bytes, std::uint64_t segment) {
  std::string covered;
  append_le(covered, std::uint32_t{1});
  append_le(covered, std::uint32_t{0});
  append_le(covered, segment);
  append_le(covered, offset);
  covered.append(file.substr(offset, 4));
  covered.append(file.substr(offset + 8, bytes - 8));
  return slow_crc(covered);
}

// What claims to be a frame at `offset` and has room for it.
std::optional<PlainFrame> plain_claim(std::string_view file, std::uint64_t offset) {
  if (offset + 40 > file.size()) return std::nullopt;
  std::uint64_t payload = number(file, offset, 4);
  PlainFrame frame{offset,
                   (40 + payload + 7) / 8 * 8,
                   number(file, offset + 8, 8),
                   number(file, offset + 16, 4),
                   number(file, offset + 20, 4),
                   number(file, offset + 32, 8),
                   number(file, offset + 24, 8),
                   ""};
  bool record =
      frame.kind == 1 && frame.events > 0 && payload <= (256U << 20) && frame.first + frame.events > frame.first;
  bool footer = frame.kind == 2 && frame.events == 0 && payload == 0;
  if ((!record && !footer) || frame.bytes > file.size() - offset) return std::nullopt;
  frame.payload = file.substr(offset + 40, payload);
  return frame;
}

void mend_frames(std::string& file, std::uint64_t segment) {
  for (std::uint64_t at = kSegmentHeaderBytes; at + 40 <= file.size();) {
    std::optional<PlainFrame> frame = plain_claim(file, at);
    if (frame) store_le(file.data() + at + 4, plain_crc(file, at, frame->bytes, segment));
    at += frame ? frame->bytes : 8;
  }
}

// The frames of a segment that counts on from `first`: at each place the first whole frame that doesn't go back.
std::vector<PlainFrame> plain_frames(std::string_view file, std::uint64_t segment, std::uint64_t first) {
  std::vector<PlainFrame> frames;
  std::uint64_t next = first;
  for (std::uint64_t at = kSegmentHeaderBytes; at + 40 <= file.size();) {
    std::optional<PlainFrame> frame = plain_claim(file, at);
    bool whole = frame && frame->first >= next && number(file, at + 4, 4) == plain_crc(file, at, frame->bytes, segment);
    if (!whole) {
      at += 8;
      continue;
    }
    frames.push_back(*frame);
    next = frame->first + frame->events;
    at += frame->bytes;
    if (frame->kind == 2) break;
  }
  return frames;
}

std::string segment_file(std::string_view header_part, std::string_view frames, int flags, std::uint64_t segment,
                         std::uint64_t first) {
  std::string file = (flags & kHeaderMade) != 0
                         ? encode_segment_header({{Generation(1), PartitionId(0), segment}, SequenceNumber(first), 0})
                         : std::string(header_part);
  file.resize(kSegmentHeaderBytes);
  if ((flags & kHeaderMended) != 0)
    store_le(file.data() + kSegmentHeaderBytes - 4,
             slow_crc(std::string_view(file).substr(0, kSegmentHeaderBytes - 4)));
  file.append(frames);
  if ((flags & kFramesMended) != 0) mend_frames(file, segment);
  return file;
}

// Scan and dump against the slow reading.
void check_scan(MemoryFiles& files, const std::string& path, std::uint64_t segment, std::uint64_t first) {
  const std::string& bytes = *files.find(path);
  std::vector<PlainFrame> expected = plain_frames(bytes, segment, first);
  auto file = files.open(path, OpenMode::kRead);
  SegmentCursor cursor(**file, {Generation(1), PartitionId(0), segment}, bytes.size());
  std::size_t seen = 0;
  std::uint64_t end = kSegmentHeaderBytes;
  Result<SegmentScan> scan = scan_segment(cursor, {SequenceNumber(first), 0}, [&](const Frame& frame) {
    MR_CHECK(seen < expected.size());
    const PlainFrame& one = expected[seen++];
    MR_CHECK(frame.offset == one.offset && frame.bytes == one.bytes && frame.payload == one.payload);
    MR_CHECK(frame.fields.first.value == one.first && frame.fields.events == one.events &&
             frame.fields.durable.value == one.durable);
    end = one.offset + one.bytes;
  });
  MR_CHECK(scan.ok() && seen == expected.size() && scan->frames == seen && scan->end_offset == end);
  std::uint64_t in_holes = 0;
  std::uint64_t in_frames = 0;
  for (const SegmentHole& hole : scan->holes) in_holes += hole.bytes;
  for (const PlainFrame& frame : expected) in_frames += frame.bytes;
  MR_CHECK(kSegmentHeaderBytes + in_holes + in_frames == scan->end_offset);
  std::uint64_t dumped = 0;
  (void)dump_segment(files, path, [&](const SegmentDumpEntry& entry) { dumped += entry.bytes; }).ok();
  MR_CHECK(dumped <= std::max<std::uint64_t>(bytes.size(), kSegmentHeaderBytes));
}

// Reads what recovery left: every event from begin to end once, in order, as a record whose bytes are whole frames, or
// as damage.
std::vector<std::string> read_all(MemoryFiles& files, DamageLog& damage, const RecoveredPartition& recovered) {
  SegmentList list;
  list.load(recovered.segments, recovered.end, recovered.newest_received);
  std::vector<std::string> payloads;
  SequenceNumber at = recovered.segments.empty() ? recovered.end : recovered.segments.front().first;
  LogReader reader({files, list, damage, Generation(1), PartitionId(0), kFolder}, at);
  for (int i = 0;; ++i) {
    MR_CHECK(i < 1000);
    Result<StreamEntry> entry = reader.next();
    if (!entry.ok()) break;
    MR_CHECK(entry->range.begin <= at || entry->damaged || payloads.empty());
    MR_CHECK(entry->range.end > entry->range.begin);
    at = entry->range.end;
    payloads.push_back(entry->damaged ? "damaged" : "record " + std::string(entry->payload));
  }
  return payloads;
}

Result<RecoveredPartition> recover(MemoryFiles& files, DamageLog& damage, std::uint64_t known_durable) {
  return recover_partition(
      {files, damage, Generation(1), PartitionId(0), kFolder, kSegmentFileBytes, SequenceNumber(known_durable)});
}

void check_recovery(MemoryFiles& files, std::uint64_t known_durable) {
  Metrics metrics;
  DamageLog damage(files, metrics, kFolder);
  Result<RecoveredPartition> recovered = recover(files, damage, known_durable);
  if (!recovered.ok()) {
    MR_CHECK(recovered.error().code == Code::kInvalid);  // a newer version
    return;
  }
  MR_CHECK(recovered->end.value >= known_durable);
  std::vector<std::string> payloads = read_all(files, damage, *recovered);
  // A second start finds what the first one left, and has nothing more to mend.
  Result<RecoveredPartition> again = recover(files, damage, known_durable);
  MR_CHECK(again.ok() && again->end == recovered->end && again->segments.size() == recovered->segments.size() &&
           again->torn_bytes == 0);
  MR_CHECK(read_all(files, damage, *again) == payloads);
}

void check_index(std::string_view bytes) {
  std::string mended(bytes);
  append_le(mended, slow_crc(mended));
  Result<SegmentIndex> index = decode_index(1, mended);
  if (index.ok()) MR_CHECK(encode_index(1, *index) == mended);
}

// The log tells its operator of each damage, here thousands of times a second: it is made while stderr is something
// else.
bool silence_log() {
  std::FILE* real = stderr;
  stderr = std::fopen("/dev/null", "w");
  configure_log(LogLevel::kError, LogFormat::kText);
  stderr = real;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static const bool quiet = silence_log();
  std::string_view input(reinterpret_cast<const char*>(data), size);
  check_index(input);
  if (!quiet || size < 5 + kHeaderPartBytes) return 0;
  int flags = data[0];
  std::uint64_t known_durable = data[1];
  std::uint64_t first = data[2];
  std::string_view header_part = input.substr(5, kHeaderPartBytes);
  std::string_view frames = input.substr(5 + kHeaderPartBytes);
  std::size_t cut =
      (flags & kTwoSegments) != 0 ? std::min<std::size_t>(number(input, 3, 2), frames.size()) : frames.size();
  MemoryFiles files;
  files.put("log/g1/partitions", "1\n");
  files.put(kFolder + "/0000000000000001.seg", segment_file(header_part, frames.substr(0, cut), flags, 1, first));
  check_scan(files, kFolder + "/0000000000000001.seg", 1, first);
  if ((flags & kTwoSegments) != 0) {
    std::uint64_t second = first + number(input, 4, 1) % 4;
    files.put(kFolder + "/0000000000000002.seg", segment_file(header_part, frames.substr(cut), flags, 2, second));
    check_scan(files, kFolder + "/0000000000000002.seg", 2, second);
  }
  if ((flags & kIndexToo) != 0) files.put(kFolder + "/0000000000000001.idx", std::string(frames));
  (void)verify_log(files, "log", Generation(1)).ok();
  check_recovery(files, known_durable);
  return 0;
}
