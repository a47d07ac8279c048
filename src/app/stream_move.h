#pragma once
// `millrace migrate stream`: copies the stream of a data folder from the log into a topic of Kafka, or back, shows by
// count and hash that it is the same, and makes the folder one of that kind. docs/guides/moving-the-stream.md

#include <cstdint>
#include <functional>
#include <string>

#include "base/settings.h"
#include "stream/stream_copy.h"

namespace millrace {

enum class StreamMoveStep {
  kCopying,
  kWaiting,     // everything is there that can be before the server is stopped. Asked again as often as may be
  kForwarding,  // it has been stopped; what it spilled goes to the topic. Asked again as often as may be
  kFinishing,   // the rest is copied
};

struct StreamMoveProgress {
  StreamMoveStep step = StreamMoveStep::kCopying;
  CopyProgress events;
  std::uint64_t behind = 0;  // events that the target lacks, as far as that is known
};

struct StreamMoveOptions {
  std::string to;  // "log" or "kafka"
  // False ends the move with kUnavailable; the next one goes on from there.
  std::function<bool(const StreamMoveProgress&)> go_on;
};

struct StreamMoveReport {
  std::string from;  // where it lay: "the log in /data/log", "the topic millrace"
  std::string to;
  CopySums sums_from, sums_to;  // the same, of what both have
  std::uint64_t copied = 0;     // events, now
  std::int64_t stopped_ms = 0;  // from when the server was seen to have stopped to when the folder was switched
};

// Works while a server runs on the folder, and ends once that has been stopped. After ok the folder is of the other
// kind; after an error it is of the one that it was. kInvalid: it can't be moved there. kUnavailable: run it again.
Result<StreamMoveReport> move_stream(const Settings& settings, const StreamMoveOptions& options);

}  // namespace millrace
