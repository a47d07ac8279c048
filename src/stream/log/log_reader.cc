#include "stream/log/log_reader.h"

#include <utility>

#include "base/log.h"
#include "stream/log/segment_scan.h"

namespace millrace {
namespace {

constexpr std::uint64_t kIndexBytesMax = 16 << 20;

Error given_up() { return unavailable("retention has given up this place of the log"); }

}  // namespace

Result<SegmentIndex> build_index(SegmentCursor& cursor, SequenceNumber first, SequenceNumber end) {
  SegmentIndex index;
  Result<SegmentScan> scan = scan_segment(cursor, {first, 0, end}, [&index](const Frame& frame) {
    if (frame.fields.kind == FrameKind::kRecord && wants_entry(index, frame.offset)) {
      index.push_back({frame.fields.first, frame.fields.received, frame.offset});
    }
  });
  if (!scan.ok()) {
    return scan.error();
  }
  return index;
}

Result<void> LogReader::seek(SequenceNumber from) {
  from_ = expected_ = from;
  file_.reset();
  cursor_.reset();
  return {};
}

Result<StreamEntry> LogReader::next() {
  while (true) {
    MR_TRY(settle_segment());
    MR_ASSIGN(std::optional<Frame> frame, cursor_->at(offset_));
    if (!frame || frame->fields.first != expected_ || frame->fields.kind != FrameKind::kRecord) {
      MR_ASSIGN(std::optional<StreamEntry> hole, pass_hole());
      if (hole && hole->range.end > from_) {
        return *hole;
      }
      continue;
    }
    offset_ += frame->bytes;
    expected_ = frame->fields.end();
    received_ = frame->fields.received;
    if (expected_ > from_) {
      return StreamEntry{{frame->fields.first, expected_}, received_, false, frame->payload};
    }
  }
}

Result<SequenceNumber> LogReader::skip_before(TimeNs time) {
  MR_TRY(settle_segment());
  MR_ASSIGN(SegmentIndex index, load_index(segment_));
  if (const IndexEntry* entry = find_time(index, time)) {
    offset_ = entry->offset;
    expected_ = entry->first;
  }
  while (true) {
    Result<StreamEntry> entry = next();
    if (!entry.ok() && entry.error().code == Code::kNotFound) {
      return expected_;
    }
    if (!entry.ok()) {
      return entry.error();
    }
    if (entry->received >= time) {
      return entry->range.begin;
    }
  }
}

Result<void> LogReader::settle_segment() {
  if (file_ == nullptr) {
    MR_ASSIGN(SegmentView view, context_.list.locate(expected_));
    MR_TRY(open_segment(view));
  }
  while (expected_ >= segment_.end) {
    std::optional<SegmentView> now = context_.list.view(segment_.id);
    if (now && now->end > expected_) {
      segment_ = *now;
      cursor_->set_limit(segment_.limit);
      break;
    }
    std::optional<SegmentView> following = context_.list.following(segment_.id);
    if (!following) {
      return not_found("everything durable has been read");
    }
    if (following->first > expected_) {  // only if segments were given up behind this reader's back
      return given_up();
    }
    MR_TRY(open_segment(*following));
  }
  return {};
}

Result<void> LogReader::open_segment(const SegmentView& view) {
  Result<std::unique_ptr<File>> file =
      context_.files.open(context_.folder + "/" + segment_name(view.id), OpenMode::kRead);
  if (!file.ok()) {
    return file.error().code == Code::kNotFound ? given_up() : file.error();
  }
  file_ = std::move(*file);
  segment_ = view;
  cursor_.emplace(*file_, identity(), segment_.limit);
  offset_ = kSegmentHeaderBytes;
  SequenceNumber wanted = expected_;
  expected_ = segment_.first;
  if (wanted > segment_.first) {
    MR_ASSIGN(SegmentIndex index, load_index(view));
    if (const IndexEntry* entry = find_sequence(index, wanted)) {
      offset_ = entry->offset;
      expected_ = entry->first;
    }
  }
  return {};
}

Result<SegmentIndex> LogReader::load_index(const SegmentView& view) {
  SegmentIndex index = context_.list.index(view.id);
  if (!index.empty()) {
    return index;
  }
  std::string path = context_.folder + "/" + index_name(view.id);
  if (Result<std::string> bytes = read_file(context_.files, path, kIndexBytesMax); bytes.ok()) {
    if (Result<SegmentIndex> read = decode_index(view.id, *bytes); read.ok()) {
      return read;
    }
  }
  MR_ASSIGN(index, build_index(*cursor_, view.first, view.end));
  if (!view.newest) {
    if (Result<void> kept = replace_file(context_.files, path, encode_index(view.id, index)); !kept.ok()) {
      log_warning("a segment's index can't be kept; it will be made again", {{"reason", kept.error().message}});
    }
  }
  return index;
}

Result<std::optional<StreamEntry>> LogReader::pass_hole() {
  MR_ASSIGN(std::optional<Frame> after, cursor_->find(offset_, expected_, segment_.end));
  // A file that was recycled under this reader looks damaged too.
  if (!context_.list.view(segment_.id)) {
    return given_up();
  }
  bool record = after && after->fields.kind == FrameKind::kRecord;
  DamagedPlace place{offset_,
                     (after ? after->offset : segment_.limit) - offset_,
                     {expected_, record ? after->fields.first : segment_.end}};
  context_.damage.set_aside(*file_, identity(), place);
  offset_ = after ? after->offset : segment_.limit;
  expected_ = place.range.end;
  if (place.range.begin == place.range.end) {
    return std::optional<StreamEntry>();
  }
  return std::optional<StreamEntry>({place.range, received_, true, {}});
}

}  // namespace millrace
