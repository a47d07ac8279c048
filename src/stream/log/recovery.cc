#include "stream/log/recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "stream/log/log_reader.h"
#include "stream/log/segment_scan.h"

namespace millrace {
namespace {

constexpr std::size_t kRecycledMax = 2;
constexpr std::size_t kCopyBytes = 1 << 20;

// A file <id>.seg: a segment, or one that was never used.
struct Candidate {
  std::uint64_t id = 0;
  std::string path;
  std::unique_ptr<File> file;
  std::uint64_t size = 0;
  std::optional<SegmentHeader> header;  // when it is whole
  std::optional<Frame> first_frame;     // without payload; when the header isn't whole: the first whole frame
  bool used() const { return header || first_frame; }
};

class Recovery {
 public:
  explicit Recovery(const RecoveryContext& context) : context_(context) {}

  Result<RecoveredPartition> run() {
    MR_TRY(read_folder());
    MR_TRY(put_unused_aside());
    MR_TRY(list_segments());
    MR_TRY(close_last());
    return std::move(result_);
  }

 private:
  SegmentIdentity identity(std::uint64_t id) const { return {context_.generation, context_.partition, id}; }
  Result<void> read_folder();
  Result<void> look_at(Candidate& candidate);
  Result<void> put_unused_aside();
  Result<void> recycle(const std::string& path, std::uint64_t size);
  Result<void> give_up_recycled();
  Result<void> list_segments();
  Result<void> close_last();
  Result<bool> is_closed(Candidate& last);
  Result<void> mend(Candidate& last);
  Result<void> write_mended(Candidate& last, const SegmentScan& scan);
  void report_torn(Candidate& last, SegmentCursor& cursor, const SegmentScan& scan, std::uint64_t cut_bytes);

  const RecoveryContext& context_;
  std::vector<Candidate> candidates_;
  std::vector<std::uint64_t> indexes_;
  RecoveredPartition result_;
};

Result<void> Recovery::read_folder() {
  MR_ASSIGN(std::vector<std::string> names, context_.files.list(context_.folder));
  for (const std::string& name : names) {
    std::string path = context_.folder + "/" + name;
    if (std::optional<std::uint64_t> used = parse_segment_name(name, ".seg")) {
      Candidate candidate;
      candidate.id = *used;
      candidate.path = path;
      MR_TRY(look_at(candidate));
      candidates_.push_back(std::move(candidate));
      result_.next_id = std::max(result_.next_id, *used + 1);
    } else if (std::optional<std::uint64_t> free = parse_segment_name(name, ".seg.free")) {
      result_.next_id = std::max(result_.next_id, *free + 1);
      MR_ASSIGN(std::unique_ptr<File> file, context_.files.open(path, OpenMode::kRead));
      MR_ASSIGN(std::uint64_t size, file->size());
      MR_TRY(recycle(path, size));
    } else if (std::optional<std::uint64_t> index = parse_segment_name(name, ".idx")) {
      indexes_.push_back(*index);
    } else if (name.ends_with(".tmp")) {
      MR_TRY(context_.files.remove(path));
    }
  }
  return {};
}

Result<void> Recovery::look_at(Candidate& candidate) {
  MR_ASSIGN(candidate.file, context_.files.open(candidate.path, OpenMode::kRead));
  MR_ASSIGN(candidate.size, candidate.file->size());
  SegmentCursor cursor(*candidate.file, identity(candidate.id), candidate.size);
  MR_ASSIGN(std::string_view block, cursor.bytes(0, kSegmentHeaderBytes));
  Result<SegmentHeader> header = decode_segment_header(block);
  if (header.ok() && header->identity == identity(candidate.id)) {
    candidate.header = *header;
    return {};
  }
  if (!header.ok() && header.error().code == Code::kInvalid) {
    return invalid(candidate.path + ": " + header.error().message);
  }
  // Never used, or its header is damaged: its frames tell, which carry the segment's id in their checksum.
  MR_ASSIGN(candidate.first_frame, cursor.find(kSegmentHeaderBytes, SequenceNumber(0), SequenceNumber(UINT64_MAX)));
  return {};
}

Result<void> Recovery::recycle(const std::string& path, std::uint64_t size) {
  if (size != context_.segment_bytes || result_.recycled.size() >= kRecycledMax) {
    return context_.files.remove(path);
  }
  std::string free = path.ends_with(".free") ? path : path + ".free";
  if (free != path) {
    MR_TRY(context_.files.rename(path, free));
  }
  result_.recycled.push_back(free);
  return {};
}

// On a full disk they are the space that there is.
Result<void> Recovery::give_up_recycled() {
  for (const std::string& path : result_.recycled) {
    MR_TRY(context_.files.remove(path));
  }
  result_.recycled.clear();
  return context_.files.sync_folder(context_.folder);
}

// A file behind the last segment was prepared and never used. One before it has lost all that it held.
Result<void> Recovery::put_unused_aside() {
  std::uint64_t last_used = 0;
  for (const Candidate& candidate : candidates_) {
    last_used = candidate.used() ? candidate.id : last_used;
  }
  std::vector<Candidate> used;
  for (Candidate& candidate : candidates_) {
    if (candidate.used()) {
      used.push_back(std::move(candidate));
    } else if (candidate.id > last_used) {
      MR_TRY(recycle(candidate.path, candidate.size));
    } else {
      context_.damage.set_aside(*candidate.file, identity(candidate.id), {0, candidate.size, {}});
      MR_TRY(context_.files.remove(candidate.path));
    }
  }
  candidates_ = std::move(used);
  for (std::uint64_t id : indexes_) {
    auto owner = std::find_if(candidates_.begin(), candidates_.end(), [id](const Candidate& c) { return c.id == id; });
    if (owner == candidates_.end()) {
      MR_TRY(context_.files.remove(context_.folder + "/" + index_name(id)));
    }
  }
  return {};
}

Result<void> Recovery::list_segments() {
  for (Candidate& candidate : candidates_) {
    SegmentInfo info;
    info.id = candidate.id;
    info.file_bytes = info.limit = candidate.size;
    if (candidate.header) {
      info.first = candidate.header->first;
      info.received_before = candidate.header->received_before;
    } else {
      context_.damage.set_aside(*candidate.file, identity(candidate.id), {0, kSegmentHeaderBytes, {}});
      // The first whole frame may not be the segment's first. In its first group, the durable sequence is where the
      // segment begins; behind that, nobody knows, and what lay before it is a hole.
      const FrameFields& frame = candidate.first_frame->fields;
      info.first = std::min(frame.first, frame.durable);
      info.received_before = frame.received;  // or less: too high only makes retention keep it longer
    }
    result_.segments.push_back(std::move(info));
  }
  return {};
}

Result<void> Recovery::close_last() {
  if (candidates_.empty()) {
    result_.end = context_.known_durable;
    return {};
  }
  Candidate& last = candidates_.back();
  MR_ASSIGN(bool closed, is_closed(last));
  if (closed && result_.end >= context_.known_durable) {
    // It may have been mended by a start that died before its new name was durable.
    return context_.files.sync_folder(context_.folder);
  }
  return mend(last);
}

// Whether the file ends in a footer before which everything was durable when it was written.
Result<bool> Recovery::is_closed(Candidate& last) {
  if (last.size < kSegmentHeaderBytes + kFrameHeaderBytes) {
    return false;
  }
  SegmentCursor cursor(*last.file, identity(last.id), last.size);
  MR_ASSIGN(std::optional<Frame> footer, cursor.at(last.size - kFrameHeaderBytes));
  if (!footer || footer->fields.kind != FrameKind::kFooter || footer->fields.durable != footer->fields.first) {
    return false;
  }
  result_.end = footer->fields.first;
  result_.newest_received = footer->fields.received;
  return true;
}

Result<void> Recovery::mend(Candidate& last) {
  SegmentInfo& info = result_.segments.back();
  SegmentCursor cursor(*last.file, identity(last.id), last.size);
  SegmentIndex index;
  Result<SegmentScan> scanned = scan_segment(cursor, {info.first, info.received_before}, [&index](const Frame& frame) {
    if (frame.fields.kind == FrameKind::kRecord && wants_entry(index, frame.offset)) {
      index.push_back({frame.fields.first, frame.fields.received, frame.offset});
    }
  });
  MR_ASSIGN(SegmentScan scan, std::move(scanned));
  std::uint64_t cut_bytes = cut_torn_tail(scan, context_.known_durable);
  for (const SegmentHole& hole : scan.holes) {
    context_.damage.set_aside(*last.file, identity(last.id), {hole.offset, hole.bytes, hole.range});
  }
  report_torn(last, cursor, scan, cut_bytes);
  result_.end = std::max(scan.end, context_.known_durable);
  result_.newest_received = scan.newest_received;
  if (scan.end < context_.known_durable) {
    context_.damage.set_aside(*last.file, identity(last.id),
                              {scan.end_offset, result_.torn_bytes, {scan.end, context_.known_durable}});
  }
  while (!index.empty() && index.back().offset >= scan.end_offset) {
    index.pop_back();
  }
  Result<void> written = write_mended(last, scan);
  if (!written.ok() && written.error().code == Code::kFull && !result_.recycled.empty()) {
    MR_TRY(give_up_recycled());
    written = write_mended(last, scan);
  }
  if (!written.ok() && written.error().code == Code::kFull) {
    return full(context_.folder + " has no space for mending the log's newest segment: free some, and start again (" +
                written.error().message + ")");
  }
  MR_TRY(std::move(written));
  std::uint64_t footer_bytes = scan.footer ? 0 : kFrameHeaderBytes;
  info.file_bytes = info.limit = scan.end_offset + footer_bytes;
  info.index = std::move(index);
  return {};
}

// What is there may never have reached the disk, whatever a sync says now: after a sync that failed, pages that were
// not written look clean. So it is copied to a file of its own and synced there before anybody reads it.
Result<void> Recovery::write_mended(Candidate& last, const SegmentScan& scan) {
  const SegmentInfo& info = result_.segments.back();
  std::string fresh = last.path + ".tmp";
  if (Result<void> removed = context_.files.remove(fresh); !removed.ok() && removed.error().code != Code::kNotFound) {
    return removed;
  }
  MR_ASSIGN(std::unique_ptr<File> copy, context_.files.open(fresh, OpenMode::kCreate));
  std::string header = encode_segment_header({identity(last.id), info.first, info.received_before});
  std::string_view header_piece[] = {header};
  MR_TRY(copy->write_at(0, header_piece));
  std::string chunk(std::min<std::uint64_t>(kCopyBytes, scan.end_offset), '\0');
  for (std::uint64_t at = kSegmentHeaderBytes; at < scan.end_offset;) {
    auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), scan.end_offset - at));
    MR_ASSIGN(std::size_t got, last.file->read_at(at, chunk.data(), wanted));
    if (got < wanted) {
      return unavailable(last.path + " became shorter while it was read");
    }
    std::string_view piece[] = {std::string_view(chunk).substr(0, got)};
    MR_TRY(copy->write_at(at, piece));
    at += got;
  }
  std::uint64_t footer_at = scan.end_offset - (scan.footer ? kFrameHeaderBytes : 0);
  char footer[kFrameHeaderBytes];
  encode_frame_header(footer, identity(last.id), footer_at,
                      {result_.end, 0, FrameKind::kFooter, result_.newest_received, result_.end}, {});
  std::string_view footer_piece[] = {{footer, sizeof footer}};
  MR_TRY(copy->write_at(footer_at, footer_piece));
  MR_TRY(copy->sync());
  MR_TRY(context_.files.rename(fresh, last.path));
  return context_.files.sync_folder(context_.folder);
}

void Recovery::report_torn(Candidate& last, SegmentCursor& cursor, const SegmentScan& scan, std::uint64_t cut_bytes) {
  if (scan.footer) {
    return;
  }
  Result<std::string_view> behind = cursor.bytes(scan.end_offset, kFrameHeaderBytes);
  if (behind.ok()) {
    std::size_t written = behind->find_last_not_of('\0');
    result_.torn_bytes = cut_bytes + (written == std::string_view::npos ? 0 : written + 1);
  }
  if (result_.torn_bytes > 0) {
    log_warning("after an unclean stop, bytes behind the last whole record are left out; they were never acknowledged",
                {{"partition", context_.partition.value},
                 {"segment", segment_name(last.id)},
                 {"offset", scan.end_offset},
                 {"next_sequence", result_.end.value}});
  }
}

}  // namespace

Result<RecoveredPartition> recover_partition(const RecoveryContext& context) { return Recovery(context).run(); }

}  // namespace millrace
