#pragma once
// What a segment file holds, for people: `millrace dump segment`. Works on a file alone, wherever it lies.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "io/file.h"
#include "stream/log/segment_format.h"

namespace millrace {

struct SegmentDumpEntry {
  enum class Kind { kHeader, kRecord, kFooter, kHole /* bytes that are no frame */ };
  Kind kind = Kind::kHeader;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  SegmentIdentity identity;
  SequenceRange range;       // kHeader: first sequence only
  TimeNs received = 0;       // kHeader: of the record before the segment
  SequenceNumber durable;    // of records and footers
  std::string_view payload;  // of records; valid during the call
};

// The file's place comes from its header, or, when that is damaged, from its path (…/g1/p0/<id>.seg). kCorrupt when
// neither tells.
Result<void> dump_segment(FileSystem& files, const std::string& path,
                          const std::function<void(const SegmentDumpEntry&)>& entry);

}  // namespace millrace
