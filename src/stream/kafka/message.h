#pragma once
// What a message of the topic says about itself, in its header `millrace`: docs/formats/kafka-message.md.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strong.h"

namespace millrace {

inline constexpr const char* kMessageHeader = "millrace";
// Of a message of format json: what isn't the event's own.
inline constexpr const char* kProjectHeader = "project";
inline constexpr const char* kBatchIdHeader = "batch_id";
inline constexpr std::uint64_t kMessageVersion = 3;  // the newest that is known
inline constexpr std::uint32_t kMessageEventsMax = 100'000'000;

enum class MessageFormat : std::uint8_t {
  kPacked,  // its value is a record
  // Of a stream that was moved into the topic, without a value; its events keep their numbers. Version 2: no program
  // may pass over them.
  kGone,     // given up before: the partition begins behind them
  kDamaged,  // lost by a damaged disk: a hole
  kJson,     // its value is one event as JSON (model/event_json.h). Version 3.
};

// Whoever sends a message again sends it under the same name: then it is counted once. A batch of which each event is a
// message of its own has the numbers from `number` on, one an event.
struct MessageName {
  std::uint64_t producer = 0;
  std::uint64_t number = 0;
  MessageFormat format = MessageFormat::kPacked;
};

struct MessageInfo {
  Generation generation;
  std::uint32_t events = 0;    // in the record that is its value, or that it stands for; at least 1
  TimeNs received = 0;         // by the node that took the batch
  std::uint64_t producer = 0;  // that node's incarnation, drawn at random at each start
  std::uint64_t number = 0;    // of the batch, counted by that incarnation for this partition
  MessageFormat format = MessageFormat::kPacked;

  friend bool operator==(const MessageInfo&, const MessageInfo&) = default;
};

// Replaces what is in `text`.
void format_message_info(const MessageInfo& info, std::string& text);

// kNotFound: not written by Millrace, it is passed over. kInvalid: written by a newer Millrace, which nobody may pass.
Result<MessageInfo> parse_message_info(std::string_view text);

}  // namespace millrace
