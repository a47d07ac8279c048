#pragma once
// Writes one partition, step by step: whatever gathered while the last sync ran is written with the next one.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/work_rate.h"
#include "io/clock.h"
#include "io/thread.h"
#include "stream/log/group_buffer.h"
#include "stream/log/log_status.h"
#include "stream/log/segment_list.h"
#include "stream/log/spare_slot.h"

namespace millrace {

// What a writer works with; all of it must outlive it.
struct WriterContext {
  FileSystem& files;
  Clock& clock;
  Metrics& metrics;
  LogStatus& status;
  SegmentList& list;
  SpareSlot& spares;
  std::function<void()> wake_housekeeping;
  Generation generation;
  PartitionId partition;
  std::string folder;
};

// What a step did, or waits for.
enum class WriterStep {
  kAgain,    // something was written, or refused
  kIdle,     // there is nothing to write
  kNoSpare,  // housekeeping hasn't made the next segment yet
  kClosed,   // stopped, and all is written
};

class LogWriter {
 public:
  LogWriter(WriterContext context, SequenceNumber next, TimeNs newest_received);
  // stop(); without a thread, what nobody was told of is refused and nothing is written.
  ~LogWriter();

  // Takes the batch; see Stream::append. Any thread.
  Result<void> append(const Append& batch);
  // How long, about, an append made now would wait until those before it are durable. Any thread.
  std::int64_t waiting_ms() const;
  // A bounded piece of work: at most one write and one sync. One thread.
  WriterStep step();
  // A thread that steps, and waits for what the steps say. Without it, whoever owns this does.
  void start();
  // Appends are refused from now on; further steps write what was taken and close the segment. Waits for the thread to
  // have done that, if there is one.
  void stop();

 private:
  static constexpr double kBytesPerSecondMin = 64 << 20;
  struct Active {
    Spare spare;
    SegmentIndex unpublished;  // index entries of frames that aren't durable yet
    std::uint64_t last_entry = 0;
    std::uint64_t offset = 0;  // where the next frame goes; 0: the header isn't written yet
  };

  void run();
  void wait_for_work();
  bool take_group();  // false when nothing will come any more
  std::span<const Append> rest() const { return std::span(group_).subspan(told_); }
  // Writes and syncs as many as fit into the segment in use, and tells them.
  Result<void> write_some(std::span<const Append> batches);
  Result<bool> begin_segment();  // false when there is no spare yet
  std::size_t encode(std::span<const Append> batches);
  void encode_record(const Append& batch);
  void encode_footer();
  Result<void> flush();
  void publish();
  void tell(std::span<const Append> batches, SequenceNumber first);
  void refuse(std::span<const Append> batches, const Error& reason);
  void give_bytes(std::size_t bytes);
  void close_segment();
  SegmentIdentity identity() const { return {context_.generation, context_.partition, active_->spare.id}; }

  const WriterContext context_;

  std::mutex mutex_;  // guards these three
  std::vector<Append> waiting_;
  bool stopping_ = false;
  bool asleep_ = false;
  std::condition_variable work_;
  std::atomic<std::size_t> untold_bytes_ = 0;
  std::atomic<double> ns_per_byte_ = 0;  // of rate_, for other threads

  // Of the thread that steps.
  std::vector<Append> group_;
  std::size_t told_ = 0;  // of the group
  GroupBuffer buffer_;
  std::optional<Active> active_;
  SequenceNumber next_;     // of the next record
  SequenceNumber durable_;  // everything before it is durable
  TimeNs received_;         // of the last record; that of the next one isn't less
  bool segment_full_ = false;
  WorkRate rate_{kBytesPerSecondMin};
  std::optional<Thread> thread_;
};

}  // namespace millrace
