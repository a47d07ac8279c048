#pragma once
// Rows for the store, in columns.

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/byte_buffer.h"
#include "model/event.h"

namespace millrace {

// Strings one behind the other; `ends[i]` is where string i ends.
struct StringColumn {
  ByteBuffer bytes;
  std::vector<std::uint32_t> ends;

  void append(std::string_view value) {
    bytes.append(value);
    ends.push_back(static_cast<std::uint32_t>(bytes.size()));
  }
  std::string_view at(std::size_t row) const {
    std::uint32_t begin = row == 0 ? 0 : ends[row - 1];
    return {bytes.data() + begin, ends[row] - begin};
  }
  void clear() { bytes.clear(), ends.clear(); }
};

// Rows of one partition, in the order of their sequence numbers (which may have gaps), all of one received month (UTC).
// At most 4 GB in any column: the processor flushes long before.
struct EventBatch {
  Generation generation;
  PartitionId partition;
  Epoch epoch;

  StringColumn project, event, user_id, anonymous_id, session_id;
  StringColumn message_id;  // empty unless the id's kind is kMessage
  StringColumn properties, context, property_index;
  std::vector<TimeNs> time, sent, received;
  std::vector<SequenceNumber::number_type> sequence;
  std::vector<std::uint64_t> hash;  // row_hash() of each, with the generation and partition that were set before

  std::size_t rows() const { return sequence.size(); }
  std::size_t bytes() const {
    return project.bytes.size() + event.bytes.size() + user_id.bytes.size() + anonymous_id.bytes.size() +
           session_id.bytes.size() + message_id.bytes.size() + properties.bytes.size() + context.bytes.size() +
           property_index.bytes.size() + rows() * 40;
  }
  void append(const EventView& from, SequenceNumber at);
  void clear();
  // The event of one row, as far as the store keeps it (ids of kind kBatch are gone).
  EventView row(std::size_t index) const;
};

}  // namespace millrace
