#include "stream/log/segment_scan.h"

#include <algorithm>

namespace millrace {
namespace {

// The frame at the scan's end, or behind a hole, which is noted; nothing when there is none.
Result<std::optional<Frame>> next_frame(SegmentCursor& cursor, SequenceNumber most, SegmentScan& scan) {
  MR_ASSIGN(std::optional<Frame> frame, cursor.at(scan.end_offset));
  if (frame && frame->fields.first == scan.end) {
    return frame;
  }
  MR_ASSIGN(frame, cursor.find(scan.end_offset, scan.end, most));
  if (frame) {
    scan.holes.push_back(
        {scan.end_offset, frame->offset - scan.end_offset, {scan.end, frame->fields.first}, scan.newest_received});
  }
  return frame;
}

}  // namespace

Result<SegmentScan> scan_segment(SegmentCursor& cursor, const ScanStart& start,
                                 const std::function<void(const Frame&)>& frame) {
  SegmentScan scan;
  scan.end = start.first;
  scan.newest_received = start.received_before;
  while (!scan.footer) {
    MR_ASSIGN(std::optional<Frame> found, next_frame(cursor, start.most, scan));
    if (!found) {
      break;
    }
    scan.end_offset = found->offset + found->bytes;
    scan.end = found->fields.end();
    scan.newest_received = found->fields.received;
    scan.durable = std::max(scan.durable, found->fields.durable);
    scan.footer = found->fields.kind == FrameKind::kFooter;
    scan.records += scan.footer ? 0 : 1;
    ++scan.frames;
    if (frame) {
      frame(*found);
    }
  }
  return scan;
}

std::uint64_t cut_torn_tail(SegmentScan& scan, SequenceNumber known_durable) {
  SequenceNumber durable = std::max(scan.durable, known_durable);
  auto torn = std::find_if(scan.holes.begin(), scan.holes.end(),
                           [durable](const SegmentHole& hole) { return hole.range.begin >= durable; });
  if (torn == scan.holes.end()) {
    return 0;
  }
  std::uint64_t cut = scan.end_offset - (torn->offset + torn->bytes);
  scan.end_offset = torn->offset;
  scan.end = torn->range.begin;
  scan.newest_received = torn->received_before;
  scan.footer = false;
  scan.holes.erase(torn, scan.holes.end());
  return cut;
}

}  // namespace millrace
