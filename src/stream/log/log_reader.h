#pragma once
// Reads one partition of the log from its files, never past what is durable.

#include <memory>
#include <optional>
#include <string>

#include "io/file.h"
#include "stream/log/damage.h"
#include "stream/log/segment_cursor.h"
#include "stream/log/segment_list.h"

namespace millrace {

// What the readers of one partition share. All of it must outlive them.
struct ReaderContext {
  FileSystem& files;
  SegmentList& list;
  DamageLog& damage;
  Generation generation;
  PartitionId partition;
  std::string folder;
};

class LogReader final : public StreamReader {
 public:
  LogReader(const ReaderContext& context, SequenceNumber from) : context_(context), from_(from), expected_(from) {}

  Result<StreamEntry> next() override;
  Result<void> seek(SequenceNumber from) override;
  // Goes to the first entry of this segment or behind that was received at or after `time`, by the index and then by
  // reading; gives its first sequence, or the durable end.
  Result<SequenceNumber> skip_before(TimeNs time);

 private:
  // Makes `segment_` the one to read from; kNotFound when everything durable has been read.
  Result<void> settle_segment();
  Result<void> open_segment(const SegmentView& view);
  Result<SegmentIndex> load_index(const SegmentView& view);
  // Goes past bytes that are no frame; an entry when events lay there.
  Result<std::optional<StreamEntry>> pass_hole();
  SegmentIdentity identity() const { return {context_.generation, context_.partition, segment_.id}; }

  const ReaderContext context_;
  SequenceNumber from_;      // entries that end at or before it are passed over
  SequenceNumber expected_;  // first sequence of the next entry
  std::uint64_t offset_ = 0;
  TimeNs received_ = 0;
  SegmentView segment_;
  std::unique_ptr<File> file_;  // null: no segment yet
  std::optional<SegmentCursor> cursor_;
};

// The index of a whole segment, by scanning it.
Result<SegmentIndex> build_index(SegmentCursor& cursor, SequenceNumber first, SequenceNumber end);

}  // namespace millrace
