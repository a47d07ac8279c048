#pragma once
// Writes one partition. One thread: whatever gathered while the last sync ran is written with the next one.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/thread.h"
#include "stream/log/group_buffer.h"
#include "stream/log/log_status.h"
#include "stream/log/segment_list.h"
#include "stream/log/spare_slot.h"

namespace millrace {

// What a writer works with; all of it must outlive it.
struct WriterContext {
  FileSystem& files;
  Metrics& metrics;
  LogStatus& status;
  SegmentList& list;
  SpareSlot& spares;
  std::function<void()> wake_housekeeping;
  Generation generation;
  PartitionId partition;
  std::string folder;
};

class LogWriter {
 public:
  LogWriter(WriterContext context, SequenceNumber next, TimeNs newest_received);
  ~LogWriter();  // stop()

  // Takes the batch; see Stream::append.
  Result<void> append(const Append& batch);
  // Writes what was taken and closes the segment. Appends are refused from now on.
  void stop();

 private:
  struct Active {
    Spare spare;
    SegmentIndex unpublished;  // index entries of frames that aren't durable yet
    std::uint64_t last_entry = 0;
    std::uint64_t offset = 0;  // where the next frame goes; 0: the header isn't written yet
  };

  void run();
  bool take_group();
  void write_group();
  // Writes and syncs as many as fit into the segment in use, and tells them.
  Result<std::size_t> write_some(std::span<const Append> batches);
  Result<void> begin_segment();
  std::size_t encode(std::span<const Append> batches);
  void encode_record(const Append& batch);
  void encode_footer();
  Result<void> flush();
  void publish();
  void tell(std::span<const Append> batches, SequenceNumber first);
  void refuse(std::span<const Append> batches, const Error& reason);
  void close_segment();
  SegmentIdentity identity() const { return {context_.generation, context_.partition, active_->spare.id}; }

  const WriterContext context_;

  std::mutex mutex_;  // guards these three
  std::vector<Append> waiting_;
  bool stopping_ = false;
  bool asleep_ = false;
  std::condition_variable work_;

  // The writer thread's own.
  std::vector<Append> group_;
  GroupBuffer buffer_;
  std::optional<Active> active_;
  SequenceNumber next_;     // of the next record
  SequenceNumber durable_;  // everything before it is durable
  TimeNs received_;         // of the last record; that of the next one isn't less
  bool segment_full_ = false;
  std::optional<Thread> thread_;
};

}  // namespace millrace
