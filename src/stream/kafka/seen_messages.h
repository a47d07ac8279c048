#pragma once
// Which messages of which producer a partition has had. A message that was sent twice can lie in the topic twice, and
// 11–20 may lie before 1–10: so sets are kept, with gaps, not the highest number. What is known depends on the topic's
// messages alone, so that every reader passes over the same ones.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/strong.h"
#include "stream/kafka/message.h"

namespace millrace {

// Numbers from 0 on, as ranges; one range when nothing is missing.
class NumberSet {
 public:
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    friend bool operator==(const Range&, const Range&) = default;
  };
  // False when it was there already.
  bool insert(std::uint64_t number);
  const std::vector<Range>& ranges() const { return ranges_; }
  // Ascending and apart, as they came from ranges(); false when they aren't.
  bool assign(std::vector<Range> ranges);

 private:
  std::vector<Range> ranges_;
};

class SeenMessages {
 public:
  // A producer that was silent for so long, by the times in its partition's messages, is forgotten when a new one
  // comes.
  static constexpr TimeNs kForgetAfter = 7LL * 24 * 3600 * 1'000'000'000;

  // True for the first message of that producer and number. `received`: of the partition, which never goes back.
  bool first(const MessageInfo& info, TimeNs received);
  std::size_t producers() const { return producers_.size(); }
  // One past the highest number of that producer; 0 when none is known.
  std::uint64_t next_number(std::uint64_t producer) const;

  void encode(std::string& into) const;
  bool decode(ByteReader& from);

 private:
  struct Producer {
    NumberSet numbers;
    TimeNs newest = 0;
  };
  std::map<std::uint64_t, Producer> producers_;
};

}  // namespace millrace
