#pragma once
// Stands before a topic: while Kafka is unavailable, batches go to a log of this machine, are acknowledged when they
// are durable there, and are forwarded in their order once Kafka is back. Each batch has one name for its whole life,
// so one whose fate was unknown when it was spilled, or that is forwarded twice, is counted once.
//
// Until it is forwarded a batch has no sequence number: its acknowledgement names the one that it will have if nobody
// else writes to the partition.
//
// <folder>/log/             the log, as stream/log has it; each payload: producer and number (8 bytes each; bit 63 of
// the
//                           number: as JSON, a number an event), the record
// <folder>/<p>.forwarded    up to where Kafka has it

#include <memory>
#include <string>

#include "base/metrics.h"
#include "io/clock.h"
#include "io/file.h"
#include "stream/kafka/kafka_stream.h"
#include "stream/log/log_stream.h"

namespace millrace {

struct SpillOptions {
  std::string folder;
  LogOptions log;  // its folder is set here
  // Of batches that came while it was still being found out what became of those before them.
  std::size_t held_bytes_max = 64 << 20;
  // Nothing new is spilled: what was spilled before is forwarded, and until then batches of its partition are refused
  // while Kafka is unavailable.
  bool forward_only = false;
};

// What was spilled before is forwarded first. `files`, `clock` and `metrics` must outlive the stream.
Result<std::unique_ptr<Stream>> open_spilling_stream(std::unique_ptr<TopicStream> topic, FileSystem& files,
                                                     Clock& clock, Metrics& metrics, const SpillOptions& options);

}  // namespace millrace
