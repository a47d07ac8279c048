#pragma once
// What a processor tells of the views that it folds, as docs/formats/view-feed.md has it: constants, and the parts of a
// frame as writer and reader have them in memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "stream/progress.h"
#include "views/views.h"

namespace millrace {

inline constexpr std::uint32_t kFeedMagic = 0x4656524d;  // the bytes "MRVF"
inline constexpr std::uint16_t kFeedVersion = 1;
inline constexpr std::size_t kFeedHeadBytes = 8;             // u32 bytes of the body, u32 its CRC-32C
inline constexpr std::size_t kFeedFrameBytesMax = 64 << 20;  // of a body

enum class FeedKind : std::uint8_t { kHello = 1, kViews = 2, kTick = 3 };
inline constexpr std::uint8_t kFeedStopped = 1;  // flags of a partition
inline constexpr std::uint8_t kFeedAudited = 2;  // its number of rows is of where its views stand
inline constexpr std::uint8_t kFeedLive = 1;     // flags of a view
inline constexpr std::uint8_t kFeedFirst = 2;
inline constexpr std::uint8_t kFeedComplete = 4;
inline constexpr std::size_t kFeedRowBytesMin = 8 + 1 + 4 + 8 + 4;  // of a row without key and states

struct FeedHello {
  std::uint16_t version = kFeedVersion;
  std::uint64_t program = 0;  // another at each start
  Generation generation;
  std::uint16_t partitions = 0;
};

struct FeedViews {
  struct One {
    std::uint64_t id = 0;
    std::string name;
  };
  std::vector<One> views;
};

struct FeedRow {
  std::int64_t bucket = 0;
  bool other = false;
  std::string_view key;
  std::uint64_t count = 0;
  std::string_view states;
};

struct FeedLane {
  std::uint64_t view = 0;
  std::uint64_t incarnation = 0;
  bool live = false;
  bool first = false;     // here begins the telling of all rows
  bool complete = false;  // with these rows, all have been told
  SequenceNumber position;
  std::uint64_t missing = 0, before = 0;
  ViewState::Totals totals;
  std::uint32_t rows = 0;
  std::string_view row_bytes;  // see next_row
};

struct FeedPartition {
  Epoch owner;
  PartitionProgress progress;
  bool audited = false;
  std::uint64_t audit_rows = 0;
  std::vector<FeedLane> lanes;
};

struct FeedTick {
  std::uint64_t number = 0;  // rises by one
  std::vector<FeedPartition> partitions;
};

using FeedFrame = std::variant<FeedHello, FeedViews, FeedTick>;

// The body of a frame; what it has of texts points into `body`. kCorrupt; kInvalid: of a newer program.
Result<FeedFrame> decode_feed(std::string_view body);
// Takes the next of a lane's rows.
bool next_row(ByteReader& rows, FeedRow& row);

// Bytes as they come, cut into frames. A body is good until the next call.
class FeedCutter {
 public:
  void add(std::string_view bytes);
  // The next body; empty when it isn't there yet. kCorrupt.
  Result<std::string_view> next();

 private:
  std::string bytes_;
  std::size_t taken_ = 0;
};

}  // namespace millrace
