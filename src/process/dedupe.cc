#include "process/dedupe.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/sabotage.h"

namespace millrace {
namespace {

constexpr std::size_t kSlotsMin = 1024;

std::size_t slots_for(std::uint64_t ids) {
  std::size_t slots = kSlotsMin;
  while (slots / 8 * 5 < ids) {
    slots *= 2;
  }
  return slots;
}

}  // namespace

bool id_limits_hold(const IdLimits& limits) {
  return limits.ids_max <= 1'000'000'000 && limits.window_ns >= 0 && limits.chunk_ids <= (1u << 20) &&
         std::has_single_bit(limits.chunk_ids);
}

IdTable::IdTable(IdLimits limits)
    : limits_(limits), chunk_shift_(static_cast<unsigned>(std::countr_zero(limits.chunk_ids))) {
  MR_CHECK(id_limits_hold(limits));
  choose_entry_bits();
  rebuild(kSlotsMin);
}

void IdTable::choose_entry_bits() {
  // Numbers of live entries differ in these bits: mostly there are at most ids_max and two chunks of them; repeat()
  // sees to it when a record brings more.
  std::uint64_t spread = std::max(limits_.ids_max, chunks_.size() * std::uint64_t{limits_.chunk_ids});
  entry_bits_ = static_cast<unsigned>(std::bit_width(spread + 4 * std::uint64_t{limits_.chunk_ids}));
  MR_CHECK(entry_bits_ < 32);
  entry_mask_ = (Slot{1} << entry_bits_) - 1;
}

IdTable::Slot IdTable::tag_of(const Fingerprint& id) const {
  Slot all_ones = (Slot{1} << (32 - entry_bits_)) - 1;
  Slot tag = static_cast<Slot>(id.high) & all_ones;
  return (tag == all_ones ? 0 : tag) << entry_bits_;  // never all ones, which is how an empty slot looks
}

IdTable::Slot IdTable::slot_of(const Fingerprint& id, std::uint64_t number) const {
  return tag_of(id) | (static_cast<Slot>(number) & entry_mask_);
}

const IdEntry& IdTable::entry_at(Slot slot) const {
  Slot first = static_cast<Slot>(chunks_.front().number << chunk_shift_);
  Slot offset = (slot - first) & entry_mask_;
  return chunks_[offset >> chunk_shift_].entries[offset & (limits_.chunk_ids - 1)];
}

void IdTable::prefetch_entry(const Fingerprint& id) const {
  Slot slot = slots_[id.low & slot_mask_];
  if (slot != kEmpty && (slot & ~entry_mask_) == tag_of(id)) {
    __builtin_prefetch(&entry_at(slot));
  }
}

bool IdTable::repeat(const Fingerprint& id, SequenceNumber at, TimeNs received) {
  Slot tag = tag_of(id);
  std::uint64_t place = id.low & slot_mask_;
  for (; slots_[place] != kEmpty; place = (place + 1) & slot_mask_) {
    if ((slots_[place] & ~entry_mask_) == tag) {
      const IdEntry& entry = entry_at(slots_[place]);
      if (entry.id == id) {
        return entry.sequence < at.value || (sabotaged(Sabotage::kRepeatOfItself) && entry.sequence == at.value);
      }
    }
  }
  if (chunks_.empty() || chunks_.back().sealed) {
    open_chunk(received);
  }
  IdChunk& chunk = chunks_.back();
  slots_[place] = slot_of(id, (chunk.number << chunk_shift_) + chunk.entries.size());
  chunk.entries.push_back({id, at.value});
  chunk.newest_received = std::max(chunk.newest_received, received);
  chunk.sealed = chunk.entries.size() == limits_.chunk_ids;
  bool grows = ++size_ > slots_.size() / 8 * 5;
  // A record forgets before its first event only, and may have more ids than were reckoned with.
  if (chunk.sealed && (chunks_.size() + 1) * std::uint64_t{limits_.chunk_ids} > entry_mask_) {
    choose_entry_bits();
    rebuild(slots_for(size_));
  } else if (grows) {
    rebuild(slots_.size() * 2);
  }
  return false;
}

void IdTable::open_chunk(TimeNs received) {
  IdChunk& chunk = chunks_.emplace_back();
  chunk.number = next_chunk_++;
  chunk.oldest_received = received;
  chunk.newest_received = received;
  chunk.entries.reserve(limits_.chunk_ids);
}

void IdTable::forget(TimeNs received) {
  newest_received_ = received;
  // A chunk that is still open goes with its window too, but never for lack of room.
  while (!chunks_.empty()) {
    const IdChunk& oldest = chunks_.front();
    bool old = oldest.newest_received < received - limits_.window_ns;
    bool room = !oldest.sealed || size_ - oldest.entries.size() < limits_.ids_max;
    if (!old && room) {
      return;
    }
    drop_oldest();
  }
}

// Memory is what this costs: slots are fetched well ahead, then the entries that erase() will look at.
void IdTable::drop_oldest() {
  IdChunk& chunk = chunks_.front();
  std::uint64_t number = chunk.number << chunk_shift_;
  const std::vector<IdEntry>& entries = chunk.entries;
  constexpr std::size_t kSlotsAhead = 32;
  constexpr std::size_t kEntriesAhead = 12;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i + kSlotsAhead < entries.size()) {
      prefetch(entries[i + kSlotsAhead].id);
    }
    if (i + kEntriesAhead < entries.size()) {
      prefetch_run(entries[i + kEntriesAhead].id);
    }
    erase(entries[i], number + i);
  }
  size_ -= entries.size();
  chunks_.pop_front();
}

void IdTable::prefetch_run(const Fingerprint& id) const {
  constexpr std::uint64_t kRunMax = 8;
  std::uint64_t home = id.low & slot_mask_;
  for (std::uint64_t i = 0; i < kRunMax && slots_[(home + i) & slot_mask_] != kEmpty; ++i) {
    __builtin_prefetch(&entry_at(slots_[(home + i) & slot_mask_]));
  }
}

void IdTable::erase(const IdEntry& entry, std::uint64_t number) {
  Slot slot = slot_of(entry.id, number);
  std::uint64_t hole = entry.id.low & slot_mask_;
  while (slots_[hole] != slot) {
    MR_CHECK(slots_[hole] != kEmpty);
    hole = (hole + 1) & slot_mask_;
  }
  // Entries behind the hole move up to it unless it lies before their home.
  for (std::uint64_t at = (hole + 1) & slot_mask_; slots_[at] != kEmpty; at = (at + 1) & slot_mask_) {
    std::uint64_t home = entry_at(slots_[at]).id.low & slot_mask_;
    if (((at - home) & slot_mask_) >= ((at - hole) & slot_mask_)) {
      slots_[hole] = slots_[at];
      hole = at;
    }
  }
  slots_[hole] = kEmpty;
}

void IdTable::put(const Fingerprint& id, std::uint64_t number) {
  std::uint64_t place = id.low & slot_mask_;
  while (slots_[place] != kEmpty) {
    place = (place + 1) & slot_mask_;
  }
  slots_[place] = slot_of(id, number);
}

void IdTable::rebuild(std::size_t slots) {
  slots_.assign(slots, kEmpty);
  slot_mask_ = slots - 1;
  constexpr std::size_t kAhead = 16;
  for (const IdChunk& chunk : chunks_) {
    for (std::size_t i = 0; i < chunk.entries.size(); ++i) {
      if (i + kAhead < chunk.entries.size()) {
        prefetch(chunk.entries[i + kAhead].id);
      }
      put(chunk.entries[i].id, (chunk.number << chunk_shift_) + i);
    }
  }
}

std::int64_t IdTable::window_ns() const {
  return chunks_.empty() ? 0 : std::max<std::int64_t>(0, newest_received_ - chunks_.front().oldest_received);
}

void IdTable::set_limits(std::uint64_t ids_max, std::int64_t window_ns) {
  limits_.ids_max = ids_max;
  limits_.window_ns = window_ns;
  choose_entry_bits();
  rebuild(slots_for(size_));
}

void IdTable::restore(IdChunk chunk) {
  MR_CHECK(chunks_.empty() || chunks_.back().number + 1 == chunk.number);
  size_ += chunk.entries.size();
  chunks_.push_back(std::move(chunk));
}

void IdTable::restore_position(std::uint64_t next_chunk, TimeNs newest_received) {
  next_chunk_ = next_chunk;
  newest_received_ = newest_received;
  choose_entry_bits();
  rebuild(slots_for(size_));
}

}  // namespace millrace
