#pragma once
// A log that a stream is copied into.

#include <memory>

#include "stream/log/log_stream.h"
#include "stream/stream_copy.h"

namespace millrace {

class LogCopyTarget final : public CopyTarget {
 public:
  // Opens or makes the log; what it has already is gone on behind. As open_log_stream().
  static Result<std::unique_ptr<LogCopyTarget>> open(FileSystem& files, Clock& clock, Metrics& metrics,
                                                     const LogOptions& options);

  PartitionState state(PartitionId partition) override { return stream_->state(partition); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override {
    return stream_->reader(partition, from);
  }
  Result<void> append(const Append& record) override { return stream_->append(record); }
  // What is gone can only be at the begin: kInvalid where the log has older events.
  Result<void> skip(PartitionId partition, SequenceNumber until, bool gone, TimeNs received) override;
  void stop() { stream_->stop(); }

 private:
  LogCopyTarget(FileSystem& files, Clock& clock, Metrics& metrics, const LogOptions& options)
      : files_(files), clock_(clock), metrics_(metrics), options_(options) {}
  Result<void> open_stream();

  FileSystem& files_;
  Clock& clock_;
  Metrics& metrics_;
  LogOptions options_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace millrace
