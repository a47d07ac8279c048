#pragma once
// One pass over all frames of a segment: what is whole, where the holes are, and which of them were durable once.

#include <cstdint>
#include <functional>
#include <vector>

#include "stream/log/segment_cursor.h"

namespace millrace {

// Bytes between two whole frames (or the beginning and the first) that are no frames.
struct SegmentHole {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  SequenceRange range;         // the events that lay there; may be empty
  TimeNs received_before = 0;  // of the last whole frame before it
};

struct SegmentScan {
  std::vector<SegmentHole> holes;
  std::uint64_t end_offset = kSegmentHeaderBytes;  // behind the last whole frame
  SequenceNumber end;
  TimeNs newest_received = 0;
  SequenceNumber durable;  // the highest durable sequence that any frame carries
  std::uint64_t records = 0;
  std::uint64_t frames = 0;
  bool footer = false;  // the last frame is one
};

struct ScanStart {
  SequenceNumber first;
  TimeNs received_before = 0;
  SequenceNumber most{UINT64_MAX};  // no event of the segment can lie at or behind it
};

// Calls `frame` (may be empty) for each whole frame. Errors are the file's.
Result<SegmentScan> scan_segment(SegmentCursor& cursor, const ScanStart& start,
                                 const std::function<void(const Frame&)>& frame);

// Cuts off the torn tail of a partition's last segment: everything from the first hole on that nothing says was
// durable. What lies before `known_durable` was. Returns how many bytes of whole frames were cut off.
std::uint64_t cut_torn_tail(SegmentScan& scan, SequenceNumber known_durable);

}  // namespace millrace
