#pragma once
// What the log does beside writing: a spare segment for each partition ahead of need, retention, indexes of full
// segments, free space. In rounds over all partitions, step by step.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/clock.h"
#include "io/thread.h"
#include "stream/log/log_status.h"
#include "stream/log/log_stream.h"
#include "stream/log/segment_list.h"
#include "stream/log/spare_slot.h"

namespace millrace {

// One partition as housekeeping sees it.
struct HouseholdPart {
  SegmentList& list;
  SpareSlot& spares;
  std::string folder;
  std::uint64_t next_id = 1;          // of the next segment: higher than that of every file there is
  std::vector<std::string> recycled;  // paths of files of segment_bytes whose contents are given up
};

class Housekeeping {
 public:
  Housekeeping(FileSystem& files, Clock& clock, Metrics& metrics, LogStatus& status, const LogOptions& options,
               std::vector<HouseholdPart> parts);
  ~Housekeeping();  // stop()

  // A bounded piece of work: some MB of zeros, one index, one segment given up. False at the end of a round. One
  // thread.
  bool step();
  // A thread that steps through a round when it is woken, and every check_interval_ms. Without it, whoever owns this
  // does.
  void start();
  void wake();
  // Ends the thread, if there is one, after a last round; else begin_last_round() and steps do that. The writers have
  // stopped before.
  void stop();
  void begin_last_round();

 private:
  // What a round does, the middle three for each partition in turn.
  enum class Task { kSpace, kSupply, kIndexes, kRetain, kShow };
  // A spare on its way.
  struct Making {
    Spare spare;
    std::string path;
  };

  void run();
  void do_task();
  void next_task();
  void check_space();
  // These say whether they have no more to do.
  bool supply(HouseholdPart& part);
  Result<bool> make_spare(HouseholdPart& part);
  Result<void> begin_spare(HouseholdPart& part);
  Result<bool> keep_index(HouseholdPart& part);
  Result<bool> retain(HouseholdPart& part);
  Result<void> write_zeros(Spare& spare);
  Result<void> take_away(HouseholdPart& part, const SegmentInfo& segment);
  void give_up_making();
  void show();
  // Whether a task is done: it said so, or it failed.
  bool judge(const Result<bool>& outcome);
  TimeNs retention_now();
  bool stopping();

  FileSystem& files_;
  Clock& clock_;
  Metrics& metrics_;
  LogStatus& status_;
  const LogOptions options_;
  std::vector<HouseholdPart> parts_;
  const TimeNs wall_start_;
  const TimeNs monotonic_start_;
  std::uint64_t available_bytes_ = 0;

  // Of the thread that steps.
  Task task_ = Task::kSpace;
  std::size_t part_ = 0;
  std::optional<Making> making_;
  bool last_ = false;

  std::mutex mutex_;  // guards these two
  bool woken_ = false;
  bool stopping_ = false;
  std::condition_variable work_;
  std::optional<Thread> thread_;
};

}  // namespace millrace
