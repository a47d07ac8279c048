#pragma once
// The ordered, durable record of everything that was accepted, in partitions. Kinds: log/ (segment files, the default),
// kafka/ (a topic; spill/ stands before it while it is away) and memory/ (tests).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strong.h"

namespace millrace {

// Where an event lies whose place the stream that took it doesn't know: others write to its partition as well.
inline constexpr SequenceRange kUnknownPlace{SequenceNumber(UINT64_MAX), SequenceNumber(UINT64_MAX)};

// Told once for each append, from a thread of the stream's: durable, or not. After an error nobody may acknowledge.
// kFull and kInvalid mean that nothing of it was written. kUnavailable means that a write or sync failed: it isn't read
// by this process, but after a restart it may turn out to have reached the disk.
class AppendListener {
 public:
  virtual ~AppendListener() = default;
  virtual void appended(PartitionId partition, Result<SequenceRange> result) = 0;
};

struct Append {
  PartitionId partition;
  std::uint32_t events = 0;  // at least 1
  TimeNs received = 0;
  std::string_view payload;            // a record; must stay as it is until the listener is told
  AppendListener* listener = nullptr;  // must live until it is told
};

// What a reader finds at a place: a record, or a hole of bytes that were durable once and are damaged now.
struct StreamEntry {
  SequenceRange range;
  TimeNs received = 0;
  bool damaged = false;
  std::string_view payload;  // valid until the reader's next call; empty when damaged
};

// Reads one partition, in order. One thread at a time.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  // The next entry; kNotFound when everything durable has been read (ask again after wait_for); kUnavailable when the
  // place has been given up by retention. Ordinary damage comes as an entry, never as an error.
  virtual Result<StreamEntry> next() = 0;
  // Goes on with the entry that holds `from` (its earlier events come too), or the first one behind it.
  virtual Result<void> seek(SequenceNumber from) = 0;
};

struct PartitionState {
  SequenceNumber begin;        // the oldest event that is kept
  SequenceNumber durable_end;  // one past the newest durable event
  TimeNs newest_received = 0;  // of the newest durable record; 0 when there is none
  std::uint64_t bytes = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;
  virtual Generation generation() const = 0;
  virtual std::uint16_t partitions() const = 0;
  // Takes the batch to be written; never blocks. An error at once (the listener isn't told then): kFull when the bound
  // of waiting bytes is reached or the disk is nearly full, kUnavailable after a write or sync failed (nothing is taken
  // until a restart), kInvalid when it is larger than one batch may be.
  virtual Result<void> append(const Append& batch) = 0;
  virtual Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) = 0;
  virtual PartitionState state(PartitionId partition) = 0;
  // A place from which on no durable record received at or after `at` is missed; as near to it as the kind can tell
  // without reading much. The durable end when there is none.
  virtual SequenceNumber first_at(PartitionId partition, TimeNs at) { return (void)at, state(partition).begin; }
  // Returns when the durable end is past `beyond`, `timeout_ms` have passed, or stop() was called.
  virtual void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) = 0;
  // The processor no longer needs what lies before `until`: retention may pass it, never go beyond.
  virtual void release(PartitionId partition, SequenceNumber until) = 0;
  // A stream that several servers share knows the places of a partition, and can be asked for them and read, only while
  // it is attended to: `places` is what the server that did so before had from places(), empty when there was none.
  // False: its end isn't known yet, call again; it was waited for a while. Streams of one server attend to everything.
  virtual Result<bool> attend(PartitionId partition, std::string_view places) {
    return (void)partition, (void)places, true;
  }
  // Nobody reads it any longer. Its readers must be gone.
  virtual void leave(PartitionId partition) { (void)partition; }
  virtual std::string places(PartitionId partition) { return (void)partition, std::string(); }
  // How long, about, an append made now would wait until those before it are durable.
  virtual std::int64_t waiting_ms() { return 0; }
  // Ok, or why nothing can be taken at the moment (kFull: the disk; kUnavailable: a failed write).
  virtual Result<void> health() = 0;
  // Writes what was taken, tells every listener, closes cleanly. Appends are refused from now on.
  virtual void stop() = 0;
};

}  // namespace millrace
