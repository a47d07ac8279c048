#pragma once
// Which ids were seen, and at which sequence first. Ids lie in chunks, in the order in which they came; an index of
// open addressing finds them. What is forgotten is the oldest chunk as a whole, and when depends on the log's contents
// alone: whoever folds the same log from the same start comes to the same decisions.
//
// Memory: 24 bytes an id, and 4 bytes a slot of the index (a power of two, at most 5/8 full): 310 MB for ten million
// ids.

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/strong.h"
#include "process/id_hash.h"

namespace millrace {

struct IdLimits {
  std::uint64_t ids_max = 10'000'000;  // so many are always remembered; up to a chunk more
  std::int64_t window_ns =
      24 * 3600 * 1'000'000'000LL;   // of received time; ids younger than this go for lack of room alone
  std::uint32_t chunk_ids = 65'536;  // a power of two
  friend bool operator==(const IdLimits&, const IdLimits&) = default;
};

// Whether a table can be made with these: at most a billion ids, chunks of a power of two up to a million.
bool id_limits_hold(const IdLimits& limits);

struct IdEntry {
  Fingerprint id;
  std::uint64_t sequence = 0;
};
static_assert(sizeof(IdEntry) == 24);

struct IdChunk {
  std::uint64_t number = 0;  // 0 for the first of a generation, then without gaps
  TimeNs oldest_received = 0;
  TimeNs newest_received = INT64_MIN;
  std::vector<IdEntry> entries;
  bool sealed = false;    // nothing will be added: it may be written to its file
  bool written = false;   // it is in its file, durably …
  std::uint32_t crc = 0;  // … which ends with this
};

// One thread at a time.
class IdTable {
 public:
  explicit IdTable(IdLimits limits);

  // Call before the events of each record, with its received time: forgets what the window and the budget ask for.
  void forget(TimeNs received);
  // True when the id was stored with a *lower* sequence: the event is a repeat. Otherwise the id is remembered with
  // `at`, unless it is there already (an event read again is never its own repeat).
  bool repeat(const Fingerprint& id, SequenceNumber at, TimeNs received);
  // Fetches what repeat() will look at first; worth it some dozen ids ahead.
  void prefetch(const Fingerprint& id) const { __builtin_prefetch(&slots_[id.low & slot_mask_]); }
  // The second stage of it, once the slot has arrived.
  void prefetch_entry(const Fingerprint& id) const;

  std::uint64_t size() const { return size_; }
  // From the oldest id's received time to the newest record's.
  std::int64_t window_ns() const;
  const IdLimits& limits() const { return limits_; }
  // Takes effect from the next event on. chunk_ids can't be changed.
  void set_limits(std::uint64_t ids_max, std::int64_t window_ns);

  // For snapshots: the chunks, oldest first; the last one may be open.
  std::deque<IdChunk>& chunks() { return chunks_; }
  std::uint64_t next_chunk() const { return next_chunk_; }
  TimeNs newest_received() const { return newest_received_; }
  // Puts a chunk back behind those that are there (numbers ascend).
  void restore(IdChunk chunk);
  void restore_position(std::uint64_t next_chunk, TimeNs newest_received);

 private:
  using Slot = std::uint32_t;
  static constexpr Slot kEmpty = UINT32_MAX;

  void drop_oldest();
  void prefetch_run(const Fingerprint& id) const;
  void open_chunk(TimeNs received);
  void choose_entry_bits();
  void rebuild(std::size_t slots);
  void put(const Fingerprint& id, std::uint64_t number);
  void erase(const IdEntry& entry, std::uint64_t number);
  Slot slot_of(const Fingerprint& id, std::uint64_t number) const;
  Slot tag_of(const Fingerprint& id) const;
  const IdEntry& entry_at(Slot slot) const;

  IdLimits limits_;
  unsigned chunk_shift_;
  unsigned entry_bits_ = 0;  // a slot is a tag over the low bits of an entry's number
  Slot entry_mask_ = 0;
  std::deque<IdChunk> chunks_;
  std::uint64_t next_chunk_ = 0;
  std::uint64_t size_ = 0;
  TimeNs newest_received_ = INT64_MIN;
  std::vector<Slot> slots_;
  std::uint64_t slot_mask_ = 0;
};

}  // namespace millrace
