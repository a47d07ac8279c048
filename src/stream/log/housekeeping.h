#pragma once
// What the log does beside writing: a spare segment for each partition ahead of need, retention, indexes of full
// segments, free space. One thread for all partitions.

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

  void wake();
  // Ends after a last round. The writers have stopped before.
  void stop();

 private:
  void run();
  void round(bool last);
  void check_space();
  void supply(HouseholdPart& part);
  Result<Spare> make_spare(HouseholdPart& part);
  Result<void> write_zeros(File& file);
  Result<void> retain(HouseholdPart& part);
  Result<void> take_away(HouseholdPart& part, const SegmentInfo& segment);
  Result<void> keep_indexes(HouseholdPart& part, bool with_newest);
  void show();
  void judge(const Result<void>& outcome);
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

  std::mutex mutex_;  // guards these two
  bool woken_ = false;
  bool stopping_ = false;
  std::condition_variable work_;
  std::optional<Thread> thread_;
};

}  // namespace millrace
