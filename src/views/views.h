#pragma once
// All views: what is declared, and for each partition of the stream the states that its processor folds.
//
// A state stands at one position of the log, and holds the rows before it: the places that are no gaps (repeats, events
// that the store refused, lost ones). It is taken from a snapshot, or begins with the log, and is read up to where the
// processor is ("building"); from then on the processor folds what it folds into it as well ("live").

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "views/field_reader.h"
#include "views/tail.h"
#include "views/view.h"
#include "views/view_state.h"

namespace millrace {

struct ViewLimits {
  std::size_t views = 64;
  std::size_t bytes_max = 64 << 20;  // of one view in one partition
};

// shared_ptr: a declaration is held by the list of them, by the states of all partitions, and by whoever looks at it,
// and goes when the last of these does.
using ViewSpecPtr = std::shared_ptr<const ViewSpec>;

// Equal for views of one name and declaration alone: what they are called between servers.
std::uint64_t view_id(const ViewSpec& spec);

class Views;

// The states of one partition. The processor's thread changes them; lock() is held while it does, and by whoever looks.
class PartitionViews {
 public:
  PartitionViews(Views& views, PartitionId partition, std::vector<DeclaredField> declared);

  struct Lane {
    ViewSpecPtr spec;
    std::unique_ptr<ViewState> state;
    SequenceNumber position;        // all rows before it are in the state
    bool live = false;              // position is the processor's
    std::uint64_t incarnation = 0;  // another for each state that was begun anew
    std::uint64_t missing = 0;      // rows whose bytes in the log can't be read any longer
    std::uint64_t before = 0;       // rows before the log's begin when the state began
  };
  // What the processor saw when it looked last: events that all live views have seen, and whether each of these has
  // seen each row once. Under lock(), like everything.
  struct Audit {
    bool live = false;  // all views are
    bool holds = true;
    std::uint64_t events = 0;
    std::uint64_t rows = 0;   // what it was held against
    SequenceNumber position;  // of the live views then
  };

  std::mutex& lock() { return mutex_; }
  const std::vector<Lane>& lanes() const { return lanes_; }
  const Audit& last_audit() const { return audit_; }
  // The owner of the partition that folds these; 0 when there is none here.
  Epoch owner() const { return owner_; }

  // ---- for the processor ----

  // Forgets all states, and begins anew from what a snapshot of `position` holds (see encode); views that it doesn't
  // hold begin with the log. From now on they are the ones of this owner.
  void begin(std::string_view snapshot, SequenceNumber position, Epoch owner);
  // Another server owns the partition by now: the states go.
  void let_go();
  // Whether views were declared or removed since the last sync().
  bool stale() const;
  void sync();
  // The lowest position of a lane that isn't live; nothing when all are.
  std::optional<SequenceNumber> behind() const;
  // Events of one record, with its received time, for the lanes that stand at `from`: `live` ones, or those behind.
  void begin_record(SequenceNumber from, TimeNs received, bool live);
  void fold(const EventView& event, SequenceNumber place);
  void end_record(SequenceNumber until);  // they stand there now
  // Places that can't be read, `rows` of them rows.
  void skip(SequenceNumber from, SequenceNumber until, std::uint64_t rows, bool live);
  // The log begins at `begin` with a record of that received time, and has lost `rows` rows before it: lanes that need
  // more of it begin anew there, without the buckets that began before.
  void start_late(SequenceNumber begin, TimeNs received, std::uint64_t rows);
  // Lanes that stand at `position` are live from now on.
  void go_live(SequenceNumber position);
  // A row that was folded turned out to be none: all states begin anew, with the log.
  void restart();
  // The log has `rows` rows below the position of what is live.
  void audit(std::uint64_t rows);
  // Lanes that are live, as one section of a snapshot.
  std::string encode() const;

  // ---- for a copy of states that are folded elsewhere (see query/view_mirror.h) ----

  Lane make_lane(ViewSpecPtr spec);
  // In the place of the view's lane, if the view is there.
  void put_lane(Lane lane);
  std::vector<Lane>& lanes() { return lanes_; }

 private:
  Views& views_;
  const PartitionId partition_;
  mutable std::mutex mutex_;
  FieldReader reader_;
  std::vector<Lane> lanes_;
  std::vector<ViewState*> open_;  // lanes that the present record is folded into
  std::vector<Lane*> open_lanes_;
  bool live_record_ = false;
  std::uint64_t synced_ = 0;
  std::uint64_t incarnations_ = 0;
  Audit audit_;
  Epoch owner_;
};

// Safe from any thread.
class Views {
 public:
  Views(Generation generation, std::uint16_t partitions, const ViewLimits& limits, std::vector<DeclaredField> declared);

  enum class Declared { kNew, kSame };
  // kInvalid: it can't be folded. kFull: too many views. kNotFound: another has this name.
  Result<Declared> declare(ViewSpec spec);
  // kNotFound when there is none; kInvalid when it isn't of the API's making.
  Result<void> remove(const std::string& name);
  std::vector<ViewSpecPtr> list() const;
  ViewSpecPtr find(const std::string& name) const;  // null when there is none

  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  const ViewLimits& limits() const { return limits_; }
  std::uint16_t partitions() const { return static_cast<std::uint16_t>(partitions_.size()); }
  PartitionViews& partition(PartitionId id) { return *partitions_[id.value]; }
  Tail& tail() { return tail_; }

 private:
  const ViewLimits limits_;
  Tail tail_;
  mutable std::mutex mutex_;
  std::vector<ViewSpecPtr> specs_;
  std::atomic<std::uint64_t> version_ = 1;
  std::vector<std::unique_ptr<PartitionViews>> partitions_;
};

}  // namespace millrace
