#pragma once
// uniq: how many distinct values, by HyperLogLog with 14 bits: exact up to kSparseMax of them (but for values that
// agree in 32 chosen bits of their hashes, one pair in some 100 million), then with a standard error of 0.81%: 98.6% of
// all answers are within 2%.
//
// Few values are kept as a set of 32-bit entries, from which the registers follow without loss: bits 6–31 are the first
// 26 bits of the hash, bits 0–5 count the zeros that begin the rest of it, and one. Entries and registers depend on the
// set of values alone, so that any grouping of parts gives the same state.
//
// The estimate is the improved one of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
// https://arxiv.org/abs/1702.01284, section 4: it needs no table of corrections.

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "views/field_value.h"

namespace millrace {

class UniqState {
 public:
  static constexpr unsigned kBits = 14;
  static constexpr std::size_t kRegisters = std::size_t{1} << kBits;
  static constexpr std::size_t kSparseMax = 1536;

  // Takes FieldValue::hash. Gives the bytes of heap that it grew by.
  std::size_t update(const FieldValue& value) { return value.present ? add(value.hash) : 0; }
  void combine(const UniqState& other);
  void finalize(JsonWriter& json) const { json.integer(static_cast<std::int64_t>(estimate() + 0.5)); }
  std::size_t heap_bytes() const { return sparse_.size() * sizeof(std::uint32_t) + registers_.size(); }

  static constexpr std::uint8_t kVersion = 1;
  // u32 number of entries (0xffffffff: registers follow), then the entries ascending, or kRegisters bytes.
  void append_to(std::string& bytes) const;
  Result<void> read(ByteReader& reader);

  std::size_t add(std::uint64_t hash);
  double estimate() const;

 private:
  std::size_t add_entry(std::uint32_t entry);
  bool has(std::uint32_t entry) const;
  std::size_t place_of(std::uint32_t entry) const;  // where it is, or would be
  void put(std::uint32_t entry);
  void raise(std::uint32_t entry);

  std::uint32_t entries_ = 0;
  std::vector<std::uint32_t> sparse_;  // open addressing, 0: empty (no entry is 0: its low bits count from 1)
  std::vector<std::uint8_t> registers_;
};

}  // namespace millrace
