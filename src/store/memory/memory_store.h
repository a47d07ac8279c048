#pragma once
// A store in memory, for tests, that is as bad as a real one when it is told to be: commits that come late, in part,
// that are lost before a flush, whose outcome nobody learns; rows that are refused; a store that is full or down. What
// happens is drawn from a seed or scripted call by call. Safe from any thread.

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "store/shared_state.h"
#include "store/store.h"

namespace millrace {

// What becomes of one insert.
enum class InsertFate {
  kStored,          // ok
  kUnknownStored,   // kUnknown; all of it was stored
  kUnknownNothing,  // kUnknown; nothing was stored
  kUnknownPart,     // kUnknown; some of its rows were stored
  kUnknownLate,     // kUnknown; still under way: it lands, wholly or in part, at some later call, or when it is settled
  kFull,            // kFull; nothing was stored
  kUnavailable,     // kUnavailable; nothing was stored
};

// Chances in a thousand, drawn anew at every call.
struct MemoryStoreFaults {
  std::uint64_t seed = 1;
  int unknown_stored = 0, unknown_nothing = 0, unknown_part = 0, unknown_late = 0, full = 0, unavailable = 0;  // insert
  int settle_fails = 0;     // kUnavailable
  int ask_fails = 0;        // present, count, owner: kUnavailable
  int flush_fails = 0;      // kUnavailable; whole inserts may be durable all the same
  int take_over_fails = 0;  // kUnknown; it may have been recorded
  int state_fails = 0;      // kUnknown; the change may have been made
  int cut_tears = 0;        // of an insert that wasn't flushed, cut_power() leaves some of the rows
};

class MemoryStore final : public StoreWriter, public StoreReader, public SharedState {
 public:
  // Rows whose event has this name are refused (kInvalid), and with them their insert.
  static constexpr std::string_view kRefusedEvent = "unstorable";

  explicit MemoryStore(MemoryStoreFaults faults = {}) : faults_(faults), random_state_(faults.seed) {}

  Result<void> insert(const EventBatch& batch, std::size_t begin, std::size_t end) override;
  Result<void> catch_up(PartitionId partition) override;
  Result<void> settle(PartitionId partition) override;
  Result<std::vector<SequenceNumber>> present(PartitionId partition, SequenceRange range) override;
  Result<StoredRange> count(PartitionId partition, SequenceRange range, bool with_hash) override;
  Result<void> flush() override;
  Result<Takeover> owner(PartitionId partition) override;
  Result<void> take_over(const Takeover& takeover) override;

  Result<std::vector<std::string>> names(const Takeover& owner) override;
  Result<std::string> read(const Takeover& owner, const std::string& name) override;
  Result<void> write(const Takeover& owner, const std::string& name, std::string_view bytes) override;
  Result<void> remove(const Takeover& owner, const std::vector<std::string>& names) override;
  Result<void> copy(const Takeover& from, const Takeover& to) override;
  Result<void> forget_before(const Takeover& owner) override;

  // Answers `count` alone, over the range of the query, broken down by nothing or by `event`.
  Result<QueryAnswer> query(const MetricQuery& query, const QueryBudget& budget) override;
  Result<std::vector<std::string>> events(const EventsQuery& query, const QueryBudget& budget) override;
  Result<SchemaAnswer> schema(const std::string& project, const QueryBudget& budget) override;
  // UTC only; days only.
  Result<TimeNs> calendar(Every unit, TimeNs at, int steps, const std::string& time_zone) override;
  Result<void> ping() override { return {}; }

  // The fates of the next inserts, before chance is asked again.
  void script(InsertFate fate);
  // Power failed: of the rows that were not flushed, whole inserts are gone or still there, by chance (or torn, with
  // cut_tears); nothing is under way any more.
  void cut_power();
  // The engine set these rows aside as damaged.
  void lose(PartitionId partition, SequenceRange range);
  // All rows and takeovers are gone.
  void wipe();
  // Whoever asks from now on asks another copy: some of the latest inserts are not there yet, until catch_up() or some
  // later call; what is under way at the old one can't be settled any more, and lands at some later call, or never.
  void change_copy(PartitionId partition);
  void set_faults(MemoryStoreFaults faults);  // the seed is taken anew too

  struct Row {
    Place place;
    Epoch epoch;
    std::string project, event, user_id, anonymous_id, session_id, message_id, properties, context;
    TimeNs time = 0, sent = kNoTime, received = 0;
    std::uint64_t insert = 0;  // the number of the insert that brought it
    bool durable = false;

    EventView view() const;
  };
  // Visible rows by partition and sequence. A row that was stored twice is there twice.
  std::vector<Row> rows() const;
  std::uint64_t inserts() const;  // calls of insert() so far
  // What callers did that the contract forbids (asked or inserted while a write might be under way), in words.
  std::vector<std::string> broken_rules() const;

 private:
  using Rows = std::vector<Row>;

  std::uint64_t random();
  bool chance(int per_thousand) {
    return per_thousand > 0 && random() % 1000 < static_cast<std::uint64_t>(per_thousand);
  }
  InsertFate draw();
  bool visible(const Row& row) const;
  bool seen(const Row& row) const { return visible(row) && !lagging_.contains(row.insert); }
  void expect_settled(PartitionId partition, const char* call);
  void land_some_late();
  void land(Rows rows, bool in_part);

  mutable std::mutex mutex_;
  MemoryStoreFaults faults_;
  std::uint64_t random_state_;
  std::deque<InsertFate> script_;
  Rows rows_;
  struct Late {
    PartitionId partition;
    Rows rows;
    bool elsewhere = false;  // at a copy that is no longer asked
  };
  std::set<std::uint64_t> lagging_;  // inserts
  std::vector<Late> late_;
  std::map<PartitionId, bool> unsettled_;
  std::map<PartitionId, std::vector<Takeover>> takeovers_;
  using StateOwner = std::tuple<PartitionId, Epoch, std::uint64_t>;
  static StateOwner of(const Takeover& owner) { return {owner.partition, owner.epoch, owner.claim}; }
  // Makes the change, unless it is to fail before.
  template <typename Change>
  Result<void> change_state(Change change);
  std::map<StateOwner, std::map<std::string, std::string>> states_;
  std::vector<std::string> broken_rules_;
  std::uint64_t inserts_ = 0;
};

}  // namespace millrace
