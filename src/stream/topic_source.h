#pragma once
// Reads a topic that other programs write: all of its partitions, each from a given offset on. Kind: kafka/.

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace millrace {

struct SourceMessage {
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::string_view value;  // valid until the next call
};

// One thread at a time.
class TopicSource {
 public:
  using Offsets = std::map<std::int32_t, std::int64_t>;
  virtual ~TopicSource() = default;
  // The next message of a partition is the one at that offset or the first behind it; of one that isn't named, the
  // first there is. May be called again, at any time. kUnavailable: Kafka doesn't answer, or there is no such topic
  // yet. kCorrupt: a partition ends before its offset: it is another topic of that name. What was deleted before it was
  // read is told in a log line.
  virtual Result<void> begin(const Offsets& from) = 0;
  // Nothing when there is none in `timeout_ms`. kUnavailable: begin again.
  virtual Result<std::optional<SourceMessage>> next(int timeout_ms) = 0;
  // One past the newest message of each partition, as far as is known.
  virtual Offsets ends() = 0;
};

}  // namespace millrace
