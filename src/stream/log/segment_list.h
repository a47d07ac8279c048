#pragma once
// What one partition has: its segments in order and how far they are durable. The writer adds, readers look,
// housekeeping takes away. Safe from any thread.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "stream/log/segment_index.h"
#include "stream/stream.h"

namespace millrace {

struct SegmentInfo {
  std::uint64_t id = 0;
  SequenceNumber first;
  TimeNs received_before = 0;    // of the record before this segment
  std::uint64_t file_bytes = 0;  // on disk
  std::uint64_t limit = 0;       // no frame lies behind it
  SegmentIndex index;            // empty once it is in its file
};

// A segment as readers see it.
struct SegmentView {
  std::uint64_t id = 0;
  SequenceNumber first;
  SequenceNumber end;       // of its durable events
  std::uint64_t limit = 0;  // of its durable bytes
  bool newest = false;
};

class SegmentList {
 public:
  // At start: the segments that were found, and where the partition ends.
  void load(std::vector<SegmentInfo> segments, SequenceNumber end, TimeNs newest_received);

  // The writer's: a new segment with its first durable frames; more durable frames in the newest one.
  void add(SegmentInfo segment);
  void publish(SequenceNumber end, std::uint64_t limit, TimeNs newest_received, const SegmentIndex& more);
  void resize(std::uint64_t id, std::uint64_t file_bytes);
  // Segments whose index is only in memory; the newest, which may still grow, if it is asked for.
  std::vector<std::uint64_t> unkept_indexes(bool with_newest) const;
  // Its index is in its file now.
  void drop_index(std::uint64_t id);
  void wake_all();  // wait_for() returns from now on at once

  // kUnavailable when `from` lies before the oldest segment, kNotFound when there are no segments. Behind the end: the
  // newest.
  Result<SegmentView> locate(SequenceNumber from) const;
  std::optional<SegmentView> view(std::uint64_t id) const;       // nothing when it has been given up
  std::optional<SegmentView> following(std::uint64_t id) const;  // the first with a higher id
  SegmentIndex index(std::uint64_t id) const;
  // The segment that holds the first record received at or after `at`, if any does; or the one before it.
  Result<SegmentView> locate_time(TimeNs at) const;

  PartitionState state() const;
  std::size_t segments() const;
  void wait_for(SequenceNumber beyond, std::int64_t timeout_ms);

  void release(SequenceNumber until);
  // Takes the oldest segment out if all of it is released and it is older than `received_min` or the partition is
  // larger than `bytes_max`. Never the newest: it holds the partition's place.
  std::optional<SegmentInfo> give_up_oldest(TimeNs received_min, std::uint64_t bytes_max);
  // Puts it back: its file couldn't be taken away, and a later one must not go before it.
  void put_back(SegmentInfo oldest);

 private:
  SegmentView view_at(std::size_t index) const;
  std::size_t position(std::uint64_t id) const;  // of the first segment whose id isn't lower
  std::uint64_t bytes_locked() const;

  mutable std::mutex mutex_;
  std::condition_variable durable_;
  std::deque<SegmentInfo> segments_;
  SequenceNumber end_;
  SequenceNumber released_;
  TimeNs newest_received_ = 0;
  bool woken_ = false;
};

}  // namespace millrace
