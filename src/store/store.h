#pragma once
// Where rows can be asked about: a derived copy of the stream, never trusted for durability. Kinds: clickhouse/
// (embedded engine or a server by URL) and memory/ (tests). Writer calls come from one thread a partition; reader calls
// from any.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "model/batch.h"
#include "model/query.h"

namespace millrace {

// A change of owner: rows of epoch `epoch` count from `first` on, rows of older epochs only before it.
struct Takeover {
  PartitionId partition;
  Epoch epoch;
  SequenceNumber first;
  std::uint64_t claim = 0;  // drawn by who takes over, so that two with one epoch are told apart; 0: by the store
};

struct StoredRange {
  std::uint64_t rows = 0;
  std::uint64_t hash = 0;  // sum of row_hash; 0 unless it was asked for
};

// The write side. All places are of the generation that the store was opened for.
class StoreWriter {
 public:
  virtual ~StoreWriter() = default;
  // A store may have several copies (replicas), of which some lag behind. An owner works with one of them, from this
  // call, the first of its recovery, on. True when it is another than this writer had before. kUnavailable: none
  // answers. Stores that are one need no choice.
  virtual Result<bool> attach(PartitionId partition) {
    (void)partition;
    return false;
  }
  // The copy doesn't answer. What was asked of it may be unknown to the others, and what was sent to it may still take
  // effect there: to go on with another, the partition's recovery begins anew, with attach() and another epoch.
  virtual bool detached(PartitionId partition) {
    (void)partition;
    return false;
  }
  // Ok when the copy has all that any copy had when this was called: before rows are written for an epoch that was
  // another's, since no takeover disowns what comes late of that one's own.
  virtual Result<void> catch_up(PartitionId partition) {
    (void)partition;
    return {};
  }
  // Inserts rows [begin, end) of the batch. Ok: they are visible to readers (not yet durable). kInvalid: the store
  // refuses these rows for their data, nothing of them was stored. kFull: too many parts, slow down; nothing was
  // stored. kUnavailable: nothing was stored and nothing is under way. kUnknown: it may have been stored, in part, or
  // may still be under way: settle() before asking.
  virtual Result<void> insert(const EventBatch& batch, std::size_t begin, std::size_t end) = 0;
  // Returns ok once no earlier insert of this partition can still take effect (embedded: the engine is killed, reaped
  // and started anew; server: the insert is killed by its query id and waited for). kUnavailable: try again later.
  virtual Result<void> settle(PartitionId partition) = 0;
  // The sequences of visible rows in `range`, ascending. Only after settle() or an ok insert.
  virtual Result<std::vector<SequenceNumber>> present(PartitionId partition, SequenceRange range) = 0;
  // Count (and hash, if asked) of visible rows in `range`.
  virtual Result<StoredRange> count(PartitionId partition, SequenceRange range, bool with_hash) = 0;
  // Everything inserted before is durable when this returns ok. Any error: the checkpoint must not advance.
  virtual Result<void> flush() = 0;
  // The newest takeover of the partition; epoch 0 when it never had an owner.
  virtual Result<Takeover> owner(PartitionId partition) = 0;
  // Records it durably; from then on rows that it disowns are invisible to every query; then sweeps them. kInvalid when
  // a takeover with the same or a higher epoch is recorded already: this owner is an old one and must stop.
  virtual Result<void> take_over(const Takeover& takeover) = 0;
};

// Aggregates of one field of the schema page.
struct FieldSummary {
  std::string name;                   // "properties.added"
  std::string type;                   // "integer", "number", "string", "boolean", "nested", or "mixed"
  std::uint64_t events = 0;           // that have it
  std::uint64_t cardinality = 0;      // approximately
  std::vector<std::string> examples;  // JSON texts, most frequent first
  bool declared = false;
};
struct EventSummary {
  std::string event;
  std::uint64_t count = 0;
  TimeNs first = 0;
  TimeNs last = 0;
};
struct SchemaAnswer {
  std::vector<EventSummary> events;
  std::vector<FieldSummary> fields;
  std::uint64_t sampled_events = 0;  // the fields were read from so many of the latest events
};

// The read side. Errors: kInvalid (the question is wrong: the message says what), kFull (too many at once),
// kUnavailable (the store is down). A budget that runs out is not an error where a part can be given: see
// QueryAnswer::cut; where it can't, kFull with a message that names the limit.
class StoreReader {
 public:
  virtual ~StoreReader() = default;
  virtual Result<QueryAnswer> query(const MetricQuery& query, const QueryBudget& budget) = 0;
  // One JSON object a row, as GET /v1/events shows them.
  virtual Result<std::vector<std::string>> events(const EventsQuery& query, const QueryBudget& budget) = 0;
  virtual Result<SchemaAnswer> schema(const std::string& project, const QueryBudget& budget) = 0;
  // The begin of the day, week or month that holds `at` in the time zone, moved by `steps` of it; kInvalid for an
  // unknown zone. For relative ranges.
  virtual Result<TimeNs> calendar(Every unit, TimeNs at, int steps, const std::string& time_zone) = 0;
  // The instant at which clocks in the time zone show `local`, given in nanoseconds since 1970 as if it were UTC. Shown
  // twice (clocks set back): the earlier one. Never shown (set forward): a moment within an hour of the change.
  // kInvalid for an unknown zone. UTC is never asked for.
  virtual Result<TimeNs> instant(TimeNs local, const std::string& time_zone) {
    (void)local;
    return invalid("this store doesn't know the time zone " + time_zone);
  }
  // The begins of all buckets of `every` that overlap [from, to), ascending: what query() shows as `time` when there
  // are events in all of them. At most some 10,000. UTC is never asked for.
  virtual Result<std::vector<TimeNs>> buckets(Every every, TimeNs from, TimeNs to, const std::string& time_zone) {
    (void)every, (void)from, (void)to;
    return invalid("this store doesn't know the time zone " + time_zone);
  }
  virtual Result<void> ping() = 0;
};

// A typed column for a property, declared in the configuration.
struct DeclaredProperty {
  enum class Type { kInteger, kNumber, kString, kBoolean };
  std::string name;  // a path: "added", "cart.total"
  Type type = Type::kString;
};

}  // namespace millrace
