#include "stream/log/log_copy_target.h"

#include <fmt/format.h>

namespace millrace {

Result<std::unique_ptr<LogCopyTarget>> LogCopyTarget::open(FileSystem& files, Clock& clock, Metrics& metrics,
                                                           const LogOptions& options) {
  std::unique_ptr<LogCopyTarget> target(new LogCopyTarget(files, clock, metrics, options));
  target->options_.durable_at_least.resize(options.partitions);
  MR_TRY(target->open_stream());
  return target;
}

Result<void> LogCopyTarget::open_stream() {
  stream_.reset();
  MR_ASSIGN(stream_, open_log_stream(files_, clock_, metrics_, options_));
  return {};
}

// A log that is opened with a place that was durable goes on behind it: an empty one begins there.
Result<void> LogCopyTarget::skip(PartitionId partition, SequenceNumber until, bool gone, TimeNs) {
  SequenceNumber end = state(partition).durable_end;
  if (gone && end > SequenceNumber(0)) {
    return invalid(fmt::format(
        "the log in {} is of an earlier time: its partition {} ends at event {}, and the stream begins at {} by now. "
        "Nobody needs it any more: remove it, and run this again",
        options_.folder, partition.value, end.value, until.value));
  }
  stream_->stop();
  options_.durable_at_least[partition.value] = until;
  return open_stream();
}

}  // namespace millrace
