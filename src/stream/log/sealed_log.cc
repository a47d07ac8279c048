#include "stream/log/sealed_log.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "stream/log/segment_cursor.h"

namespace millrace {
namespace {

// The header of a file that is in use as this segment; nothing when it is a spare, or gone meanwhile.
Result<std::optional<SegmentHeader>> header_of(File& file, const SegmentIdentity& identity) {
  std::string block(kSegmentHeaderBytes, '\0');
  MR_ASSIGN(std::size_t got, file.read_at(0, block.data(), block.size()));
  Result<SegmentHeader> header = decode_segment_header(std::string_view(block).substr(0, got));
  if (!header.ok() && header.error().code == Code::kInvalid) {
    return header.error();
  }
  bool ours = header.ok() && header->identity == identity;
  return ours ? std::optional<SegmentHeader>(*header) : std::nullopt;
}

class SealedReader final : public StreamReader {
 public:
  SealedReader(FileSystem& files, std::string folder, Generation generation, PartitionId partition,
               std::vector<SealedLog::Segment> segments, SequenceNumber from)
      : files_(files),
        folder_(std::move(folder)),
        generation_(generation),
        partition_(partition),
        segments_(std::move(segments)) {
    (void)seek(from);
  }

  Result<void> seek(SequenceNumber from) override {
    from_ = from;
    file_.reset();
    auto behind = std::upper_bound(segments_.begin(), segments_.end(), from,
                                   [](SequenceNumber place, const auto& segment) { return place < segment.first; });
    at_ = behind == segments_.begin() ? 0 : static_cast<std::size_t>(behind - segments_.begin()) - 1;
    return {};
  }

  Result<StreamEntry> next() override {
    while (at_ + 1 < segments_.size()) {
      MR_TRY(open_segment());
      if (expected_ == segments_[at_ + 1].first) {
        ++at_;
        file_.reset();
        continue;
      }
      MR_ASSIGN(std::optional<Frame> frame, cursor_->at(offset_));
      if (!frame || frame->fields.first != expected_ || frame->fields.kind != FrameKind::kRecord) {
        return not_whole();
      }
      offset_ += frame->bytes;
      expected_ = frame->fields.end();
      if (expected_ > from_) {
        return StreamEntry{{frame->fields.first, expected_}, frame->fields.received, false, frame->payload};
      }
    }
    return not_found("the segments that are full were read");
  }

 private:
  Error not_whole() const {
    return corrupt(fmt::format("{}/{} isn't whole any more: retention has given it up meanwhile, or it is damaged",
                               folder_, segment_name(segments_[at_].id)));
  }

  Result<void> open_segment() {
    if (file_ != nullptr) {
      return {};
    }
    const SealedLog::Segment& segment = segments_[at_];
    Result<std::unique_ptr<File>> file = files_.open(folder_ + "/" + segment_name(segment.id), OpenMode::kRead);
    if (!file.ok()) {
      return file.error().code == Code::kNotFound ? not_whole() : file.error();
    }
    file_ = std::move(*file);
    cursor_.emplace(*file_, SegmentIdentity{generation_, partition_, segment.id}, segment.bytes);
    offset_ = kSegmentHeaderBytes;
    expected_ = segment.first;
    return {};
  }

  FileSystem& files_;
  const std::string folder_;
  const Generation generation_;
  const PartitionId partition_;
  const std::vector<SealedLog::Segment> segments_;
  SequenceNumber from_;      // entries that end at or before it are passed over
  SequenceNumber expected_;  // of the next frame
  std::size_t at_ = 0;
  std::unique_ptr<File> file_;
  std::optional<SegmentCursor> cursor_;
  std::uint64_t offset_ = 0;
};

}  // namespace

SealedLog::SealedLog(FileSystem& files, const std::string& folder, Generation generation, std::uint16_t partitions)
    : files_(files), folder_(folder), generation_(generation), partitions_(partitions) {}

std::string SealedLog::folder_of(PartitionId partition) const {
  return fmt::format("{}/g{}/p{}", folder_, generation_.value, partition.value);
}

Result<void> SealedLog::refresh() {
  for (std::uint16_t i = 0; i < partitions_.size(); ++i) {
    MR_TRY(look_at(PartitionId(i)));
  }
  return {};
}

Result<void> SealedLog::look_at(PartitionId partition) {
  std::string folder = folder_of(partition);
  MR_ASSIGN(std::vector<std::string> names, files_.list(folder));  // by segment, as names are
  Partition found;
  for (const std::string& name : names) {
    std::optional<std::uint64_t> id = parse_segment_name(name, ".seg");
    if (!id) {
      continue;
    }
    Result<std::unique_ptr<File>> file = files_.open(folder + "/" + name, OpenMode::kRead);
    if (!file.ok() && file.error().code == Code::kNotFound) {
      continue;
    }
    if (!file.ok()) {
      return file.error();
    }
    MR_ASSIGN(std::uint64_t bytes, (*file)->size());
    MR_ASSIGN(std::optional<SegmentHeader> header, header_of(**file, {generation_, partition, *id}));
    if (header) {
      found.segments.push_back({*id, header->first, bytes});
      found.state.newest_received = header->received_before;
      found.state.bytes += bytes;
    }
  }
  if (!found.segments.empty()) {
    found.state.begin = found.segments.front().first;
    found.state.durable_end = found.segments.back().first;
    found.state.bytes -= found.segments.back().bytes;
  }
  partitions_[partition.value] = std::move(found);
  return {};
}

Result<std::unique_ptr<StreamReader>> SealedLog::reader(PartitionId partition, SequenceNumber from) {
  const Partition& part = partitions_[partition.value];
  if (from < part.state.begin) {
    return corrupt("retention has given up this place of the log");
  }
  return std::unique_ptr<StreamReader>(
      std::make_unique<SealedReader>(files_, folder_of(partition), generation_, partition, part.segments, from));
}

}  // namespace millrace
