#include "stream/verify.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "stream/log/segment_scan.h"

namespace millrace {
namespace {

struct VerifiedSegment {
  std::uint64_t id = 0;
  std::string path;
  std::uint64_t size = 0;
  std::optional<SegmentHeader> header;
  SequenceNumber first;
  SegmentScan scan;
  std::uint64_t bytes_behind = 0;  // that are not zero, right behind the last frame
};

class PartitionVerifier {
 public:
  PartitionVerifier(FileSystem& files, std::string folder, Generation generation, PartitionId partition,
                    LogReport& report)
      : files_(files), folder_(std::move(folder)), generation_(generation), partition_(partition), report_(report) {}

  Result<void> run() {
    MR_ASSIGN(std::vector<std::string> names, files_.list(folder_));
    for (const std::string& name : names) {
      if (std::optional<std::uint64_t> id = parse_segment_name(name, ".seg")) {
        VerifiedSegment segment;
        segment.id = *id;
        segment.path = folder_ + "/" + name;
        MR_TRY(scan(segment));
        segments_.push_back(std::move(segment));
      }
    }
    while (!segments_.empty() && unused(segments_.back())) {
      segments_.pop_back();  // prepared ahead
    }
    for (const VerifiedSegment& segment : segments_) {
      if (unused(segment)) {
        note(LogProblem::Kind::kDamage, segment, 0, segment.size, {});  // its events are the gap around it
      }
    }
    segments_.erase(std::remove_if(segments_.begin(), segments_.end(), unused), segments_.end());
    judge();
    return {};
  }

 private:
  static bool unused(const VerifiedSegment& segment) { return !segment.header && segment.scan.frames == 0; }
  Result<void> scan(VerifiedSegment& segment);
  void judge();
  void judge_end(const VerifiedSegment& segment, const VerifiedSegment* following);
  void note(LogProblem::Kind kind, const VerifiedSegment& segment, std::uint64_t offset, std::uint64_t bytes,
            SequenceRange range) {
    report_.problems.push_back({kind, partition_, segment.path, offset, bytes, range});
  }

  FileSystem& files_;
  const std::string folder_;
  const Generation generation_;
  const PartitionId partition_;
  LogReport& report_;
  std::vector<VerifiedSegment> segments_;
  LogReport::Partition totals_;
};

Result<void> PartitionVerifier::scan(VerifiedSegment& segment) {
  SegmentIdentity identity{generation_, partition_, segment.id};
  MR_ASSIGN(std::unique_ptr<File> file, files_.open(segment.path, OpenMode::kRead));
  MR_ASSIGN(segment.size, file->size());
  SegmentCursor cursor(*file, identity, segment.size);
  MR_ASSIGN(std::string_view block, cursor.bytes(0, kSegmentHeaderBytes));
  Result<SegmentHeader> header = decode_segment_header(block);
  if (!header.ok() && header.error().code == Code::kInvalid) {
    return invalid(segment.path + ": " + header.error().message);
  }
  if (header.ok() && header->identity == identity) {
    segment.header = *header;
    segment.first = header->first;
  } else {
    MR_ASSIGN(std::optional<Frame> frame,
              cursor.find(kSegmentHeaderBytes, SequenceNumber(0), SequenceNumber(UINT64_MAX)));
    segment.first = frame ? std::min(frame->fields.first, frame->fields.durable) : SequenceNumber(0);
  }
  Result<SegmentScan> scan = scan_segment(cursor, {segment.first}, [this](const Frame& frame) {
    totals_.records += frame.fields.kind == FrameKind::kRecord ? 1 : 0;
    totals_.events += frame.fields.events;
  });
  MR_ASSIGN(segment.scan, std::move(scan));
  MR_ASSIGN(std::string_view behind, cursor.bytes(segment.scan.end_offset, kFrameHeaderBytes));
  segment.bytes_behind = behind.find_last_not_of('\0') + 1;  // npos + 1 is 0
  return {};
}

void PartitionVerifier::judge() {
  totals_.partition = partition_;
  totals_.segments = segments_.size();
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    VerifiedSegment& segment = segments_[i];
    bool last = i + 1 == segments_.size();
    std::uint64_t whole_end = segment.scan.end_offset;
    SequenceNumber end = segment.scan.end;
    std::uint64_t cut = last ? cut_torn_tail(segment.scan, SequenceNumber(0)) : 0;
    if (!segment.header) {
      note(LogProblem::Kind::kDamage, segment, 0, kSegmentHeaderBytes, {});
    }
    for (const SegmentHole& hole : segment.scan.holes) {
      note(LogProblem::Kind::kDamage, segment, hole.offset, hole.bytes, hole.range);
    }
    if (cut > 0 || (last && !segment.scan.footer && segment.bytes_behind > 0)) {
      note(LogProblem::Kind::kTorn, segment, segment.scan.end_offset,
           whole_end + segment.bytes_behind - segment.scan.end_offset, {segment.scan.end, end});
    }
    totals_.bytes += segment.scan.end_offset;
    judge_end(segment, last ? nullptr : &segments_[i + 1]);
  }
  if (!segments_.empty()) {
    totals_.range = {segments_.front().first, segments_.back().scan.end};
  }
  report_.partitions.push_back(totals_);
}

// Every segment but the one in use ends in a footer and is followed by the next event.
void PartitionVerifier::judge_end(const VerifiedSegment& segment, const VerifiedSegment* following) {
  if (following == nullptr) {
    return;
  }
  if (!segment.scan.footer) {
    note(LogProblem::Kind::kDamage, segment, segment.scan.end_offset, segment.size - segment.scan.end_offset,
         {segment.scan.end, following->first});
  } else if (segment.scan.end < following->first) {
    note(LogProblem::Kind::kGap, segment, segment.scan.end_offset, 0, {segment.scan.end, following->first});
  }
}

}  // namespace

Result<LogReport> verify_log(FileSystem& files, const std::string& folder, Generation generation) {
  std::string generation_folder = fmt::format("{}/g{}", folder, generation.value);
  MR_ASSIGN(std::string count_text, read_file(files, generation_folder + "/partitions", 64));
  unsigned count = 0;
  auto [end, error] = std::from_chars(count_text.data(), count_text.data() + count_text.size(), count);
  if (error != std::errc() || count == 0 || count > UINT16_MAX) {
    return corrupt(generation_folder + "/partitions doesn't hold a number");
  }
  LogReport report;
  for (unsigned i = 0; i < count; ++i) {
    std::string partition_folder = fmt::format("{}/p{}", generation_folder, i);
    MR_TRY(PartitionVerifier(files, partition_folder, generation, PartitionId(static_cast<std::uint16_t>(i)), report)
               .run());
  }
  return report;
}

}  // namespace millrace
