#pragma once
// top: the k most frequent values and how often each came, by Space-Saving (Metwally, Agrawal, El Abbadi, "Efficient
// computation of frequent and top-k elements in data streams", 2005) with `counters` counters: a count shown is at
// least the true one and at most N / counters more, and every value that came more often than that is among the
// counters. Parts are combined as in Agarwal et al., "Mergeable summaries" (2012): the bound is the same for any
// grouping, the counts within it are not. As long as there are no more distinct values than counters, everything is
// exact.

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/result.h"
#include "views/field_value.h"

namespace millrace {

class TopState {
 public:
  static constexpr std::size_t kTextBytesMax = 256;  // longer values are told apart, but shown cut
  static constexpr std::uint32_t counters_for(std::uint32_t k) { return k * 8 > 128 ? k * 8 : 128; }

  explicit TopState(std::uint32_t counters) : counters_max_(counters) {}

  std::size_t update(const FieldValue& value) { return value.present ? add(value.hash, value.text) : 0; }
  void combine(const TopState& other);
  // [["value", count], …], the most frequent first.
  void finalize(JsonWriter& json, std::uint32_t k) const;
  std::size_t heap_bytes() const;

  static constexpr std::uint8_t kVersion = 1;
  // u32 number of counters, then for each: u64 hash, u64 count, u64 over, u16 bytes, text; then u64 the least, u32
  // hand: what is folded on behaves as if it had never been written.
  void append_to(std::string& bytes) const;
  Result<void> read(ByteReader& reader);

  struct Counter {
    std::uint64_t hash = 0;
    std::uint64_t count = 0;
    std::uint64_t over = 0;  // how much of the count may not be its own
    std::string text;
  };
  std::size_t add(std::uint64_t hash, std::string_view text);
  std::vector<Counter> most_frequent(std::size_t k) const;
  std::uint64_t least() const;  // what a value that has no counter may have come at most

 private:
  std::uint32_t find(std::uint64_t hash) const;
  void link(std::uint32_t counter);
  void unlink(std::uint32_t counter);
  std::uint32_t take_least();
  void rebuild();

  std::uint32_t counters_max_;
  std::vector<Counter> counters_;
  std::vector<std::uint32_t> slots_;  // open addressing by hash; number of a counter and one, 0: empty
  std::uint64_t least_ = 0;           // no counter has less, once they are all taken
  std::uint32_t hand_ = 0;            // where a counter with the least is looked for
};

}  // namespace millrace
