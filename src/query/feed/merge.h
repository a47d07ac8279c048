#pragma once
// What processors tell of their views, put together: each partition's states go into one copy of the views, from which
// tables are made as if they were folded here. Of two servers that tell of one partition the newer owner counts; what
// the one before told last stays until the newer one has told all of a view, and the view is live there.

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "query/feed/format.h"

namespace millrace {

// Safe from any thread; each source's frames come from one thread at a time.
class FeedMerge {
 public:
  // `views` holds the copies; it must outlive this. Only this one changes its states.
  FeedMerge(Views& views, Generation generation, std::vector<std::string> sources);

  // A connection begins; its frames must begin with a hello.
  void begin(std::size_t source);
  // The next frame of its connection. An error ends the connection: what was told so far stays.
  Result<void> take(std::size_t source, std::string_view body, TimeNs now);
  void end(std::size_t source, std::string reason);

  // Of all partitions, also those of which nothing was heard yet. Times are those of take(), monotonic.
  std::vector<PartitionProgress> progress(TimeNs now) const;
  bool wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms);

  struct Status {
    std::string address;
    bool up = false;
    TimeNs heard = kNoTime;               // when its last frame came
    std::vector<PartitionId> partitions;  // of which it is the owner, as far as is known
    std::string reason;                   // why it is away, or what can't be taken from it; empty when all is well
  };
  std::vector<Status> status() const;
  // Why a view doesn't have all that it should; empty when it does.
  std::string trouble(const ViewSpec& view) const;

 private:
  // Which states a copy is of.
  struct Tag {
    Epoch owner;
    std::uint64_t program = 0;
    std::uint64_t incarnation = 0;
    friend bool operator==(const Tag&, const Tag&) = default;
  };
  struct Copy {
    std::optional<Tag> shown;   // in the views
    std::optional<Tag> coming;  // being told, by one connection
    std::size_t source = 0;     // that connection's
    PartitionViews::Lane next;  // of `coming`
    std::string trouble;
  };
  struct Partition {
    Epoch owner;
    std::size_t source = 0;
    PartitionProgress progress;
    std::map<std::uint64_t, Copy> copies;  // by view
  };
  struct Source {
    std::string address;
    bool up = false;
    TimeNs heard = kNoTime;
    std::string reason;
    // Of the present connection:
    bool greeted = false;
    std::uint64_t program = 0;
    std::uint64_t views_version = 0;  // of the views here
    std::uint64_t number = 0;         // of the last tick; 0: none yet
    std::map<std::uint64_t, std::string> views;
    bool views_told = false;
  };

  Result<void> take_hello(std::size_t source, const FeedHello& hello);
  void sync_views(std::size_t source);
  Result<void> take_tick(std::size_t source, const FeedTick& tick);
  Result<void> take_partition(std::size_t source, const FeedPartition& told);
  Result<void> take_lane(std::size_t source, const ViewSpecPtr& spec, Copy& copy, PartitionViews& views, const Tag& tag,
                         const FeedLane& lane);
  Result<void> put(PartitionViews::Lane& into, const FeedLane& lane);
  std::string missing_views(const Source& source) const;

  Views& views_;
  const Generation generation_;
  mutable std::mutex mutex_;  // taken before the locks of partitions
  std::condition_variable changed_;
  std::vector<Source> sources_;
  std::vector<Partition> partitions_;
  std::map<std::uint64_t, ViewSpecPtr> specs_;
  std::uint64_t specs_version_ = 0;
};

}  // namespace millrace
