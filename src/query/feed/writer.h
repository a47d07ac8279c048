#pragma once
// Makes the frames of a feed: what changed in the views of this server's partitions since the frame before, the same
// for everybody who reads it. One thread.

#include <map>
#include <string>
#include <vector>

#include "query/feed/format.h"

namespace millrace {

class FeedWriter {
 public:
  // `views` must outlive it.
  FeedWriter(Views& views, std::uint64_t program, Generation generation);

  // What a reader gets first of all.
  std::string hello() const;
  // Everything is told again, from the next tick() on: whoever begins to read there misses nothing.
  void begin_anew();
  // Nobody reads: the views needn't keep in mind what changes.
  void rest();
  // Frames of what is new; none when nothing is, unless `always`.
  std::vector<std::string> tick(const std::vector<PartitionProgress>& progress, bool always);

 private:
  static constexpr std::size_t kHoldBytes = 1 << 20;   // rows that are written while a partition's lock is held, about
  static constexpr std::size_t kFrameBytes = 1 << 20;  // a frame ends behind the partition that brings it there
  static constexpr int kHoldsMax = 256;                // of one partition in a tick
  struct Told {
    std::uint64_t incarnation = 0;
    bool seen = false;
  };
  struct Partition {
    std::map<std::uint64_t, Told> lanes;  // by view
    std::string last;                     // its section of a frame, when that had no rows
  };

  void tell_views();
  bool tell_partition(const PartitionProgress& progress);  // true when there is more
  void begin_section(const PartitionProgress& progress, PartitionViews& views);
  bool tell_lane(const PartitionViews::Lane& lane, Told& told, std::size_t bytes_max);
  std::uint32_t tell_rows(ViewState& state, std::size_t bytes_max, bool& complete);
  void begin_frame();
  void end_frame();

  Views& views_;
  const std::uint64_t program_;
  const Generation generation_;
  std::vector<Partition> partitions_;
  std::uint64_t views_told_ = 0;  // their version
  std::uint64_t number_ = 0;
  std::string frame_;  // under way
  std::vector<std::string> frames_;
};

}  // namespace millrace
