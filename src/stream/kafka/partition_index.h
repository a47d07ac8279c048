#pragma once
// Which sequence numbers the messages of one partition of the topic have. The rule: messages in the order of their
// offsets; those that are none of this generation of Millrace, and those that were there before, are passed over; the
// others' events are counted from 0 on. Where a message says that its events are gone, the partition begins behind it.
// So it follows from the topic alone, and an offset is a cursor, no more.
//
// Places are kept from which that can be counted on, so that nobody reads the topic from its begin.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong.h"
#include "stream/kafka/message.h"
#include "stream/kafka/seen_messages.h"

namespace millrace {

// One thread at a time.
class PartitionIndex {
 public:
  static constexpr std::uint64_t kAnchorBytes = 1 << 20;
  static constexpr std::int64_t kAnchorMessages = 4096;

  // Everything before `offset` is counted in the others.
  struct Anchor {
    std::int64_t offset = 0;
    SequenceNumber sequence;
    TimeNs received = 0;      // the newest
    std::uint64_t bytes = 0;  // of values, since the generation began
    friend bool operator==(const Anchor&, const Anchor&) = default;
  };

  PartitionIndex(Generation generation, PartitionId partition);

  // The message at `offset`, which is not before end().offset; `info` as its header says, nothing when it has none. The
  // range of its events; nothing when it is passed over.
  std::optional<SequenceRange> add(std::int64_t offset, const std::optional<MessageInfo>& info, std::uint64_t bytes);

  const Anchor& begin() const { return anchors_.front(); }
  const Anchor& end() const { return end_; }
  // Whether a message that says it is of this generation was passed over all the same.
  bool repeated(std::int64_t offset) const;
  std::uint64_t next_number(std::uint64_t producer) const { return seen_.next_number(producer); }
  bool of_generation(const MessageInfo& info) const { return info.generation == generation_; }

  // The last place from which everything from `from` on comes; begin() when that is later.
  const Anchor& before(SequenceNumber from) const;
  // The last place before which nothing was received at or after `at`; the same.
  const Anchor& before_time(TimeNs at) const;

  // The last anchor that may be given up to: what lies before it is before `released`, and was received before
  // `received_until` or is more than the newest `bytes_max`.
  const Anchor& give_up_until(SequenceNumber released, TimeNs received_until, std::uint64_t bytes_max) const;
  // The topic's messages before `offset` are gone: begin() is now the first known place at or behind it.
  // kCorrupt when it lies behind the end: how many events were in between is known to nobody.
  Result<void> drop_before(std::int64_t offset);

  std::string encode() const;
  // kCorrupt: damaged. kInvalid: of another generation, or a newer format.
  static Result<PartitionIndex> decode(std::string_view bytes, Generation generation, PartitionId partition);

 private:
  Generation generation_;
  PartitionId partition_;
  std::deque<Anchor> anchors_;  // never empty
  Anchor end_;
  std::vector<std::int64_t> repeats_;  // offsets
  SeenMessages seen_;
};

}  // namespace millrace
