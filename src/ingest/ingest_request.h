#pragma once
// One request of POST /v1/events, from its body to its answer.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/server.h"
#include "ingest/admission.h"
#include "ingest/native/event_parser.h"
#include "stream/progress.h"
#include "stream/stream.h"

namespace millrace {

// Appends what was parsed, partition by partition, and tells its owner once when all of them have had their say. Kept
// and used again for its memory.
class IngestRequest final : public AppendListener {
 public:
  // `done` is called in the thread that has the last word.
  using Done = std::function<void(std::unique_ptr<IngestRequest>)>;
  explicit IngestRequest(Done done) : done_(std::move(done)) {}

  std::unique_ptr<http::Exchange> exchange;
  Reservation reservation;
  std::string project;
  std::string unpacked;  // the body, when it came compressed
  ParsedBatch batch;

  // Hands the records to the stream; at least one event has been accepted. Ends with `settle`, whose work may still use
  // the body, and gives up `self` to whoever comes last.
  template <typename Settle>
  static void append(std::unique_ptr<IngestRequest> self, Stream& stream, TimeNs received, Settle settle) {
    IngestRequest* request = self.release();
    request->start(stream, received);
    settle(*request);
    request->count_down();
  }

  // After `done`: the first error, if any partition had one, or where the events are; without ends when that isn't
  // known.
  const std::optional<Error>& error() const { return error_; }
  Position position(Generation generation) const;

  void clear();
  std::size_t memory() const { return unpacked.capacity() + batch.capacity(); }

  void appended(PartitionId partition, Result<SequenceRange> result) override;

 private:
  void start(Stream& stream, TimeNs received);
  void count_down();

  const Done done_;
  std::vector<std::optional<Result<SequenceRange>>> results_;  // of each partition; each is written by one thread
  std::atomic<std::uint32_t> waiting_ = 0;
  std::optional<Error> error_;
};

}  // namespace millrace
