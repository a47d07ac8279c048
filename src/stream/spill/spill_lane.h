#pragma once
// One partition of a spilling stream.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/file.h"
#include "stream/kafka/kafka_stream.h"
#include "stream/stream.h"

namespace millrace {

// Shared by all lanes. Must outlive them.
struct SpillParts {
  TopicStream& topic;
  Stream& log;
  FileSystem& files;
  std::string folder;
  std::uint64_t producer = 0;  // of this process
  std::size_t held_bytes_max = 0;
  bool forward_only = false;
};

// Safe from any thread; the forwarding part is one thread's.
class SpillLane {
 public:
  SpillLane(const SpillParts& parts, PartitionId partition) : parts_(parts), partition_(partition) {}

  // Reads how far it was forwarded; with anything left, batches are spilled until all of it is.
  Result<void> open();
  Result<void> append(const Append& batch);
  void close();  // nothing is taken from now on
  // What is still held goes to the log. After close(), and once the topic has told what became of the rest.
  void finish();
  // Events in the log that Kafka has not.
  std::uint64_t backlog();

  // Sends what lies in the log, as much as may be on its way at once.
  void forward();
  // Writes down how far it has come, when it has come further.
  void save();

 private:
  enum class Mode {
    kDirect,     // batches go to the topic
    kTurning,    // are held until it is known what became of those before them
    kSpilling,   // go to the log
    kReturning,  // are held until the last of the log has been forwarded: under load it would never come
  };
  struct Named {
    Append batch;
    MessageName name;
  };
  class Direct;     // told by the topic
  class Spilled;    // told by the log
  class Forwarded;  // told by the topic, of what lies in the log
  struct OnItsWay {
    SequenceNumber end;  // in the log
    bool there = false;
  };

  void direct_told(const Named& sent, Result<SequenceRange> result);
  void spilled_told(const Append& batch, Result<SequenceRange> result);
  void forwarded_told(std::uint64_t number, const Result<SequenceRange>& result);

  Result<void> send(const Named& named);
  // Names that the batch takes up: one, or one an event.
  std::uint64_t numbers_of(const Append& batch) const;
  using Refused = std::vector<std::pair<Named, Error>>;
  void turn(Refused& refused);
  void spill(const Named& named, Refused& refused);
  void spill_held(Refused& refused);
  void tell(const Refused& refused);
  Result<bool> forward_next();
  void pass_those_there();
  void maybe_direct();
  void send_held(Refused& refused);

  const SpillParts& parts_;
  const PartitionId partition_;
  std::mutex mutex_;  // guards everything below but what is the forwarding thread's
  Mode mode_ = Mode::kDirect;
  std::uint64_t next_number_ = 0;
  std::size_t in_flight_ = 0;  // sent directly and not told
  std::size_t spilling_ = 0;   // given to the log and not told
  std::deque<Named> held_;
  std::size_t held_bytes_ = 0;
  bool closed_ = false;

  SequenceNumber forwarded_;  // in the log: Kafka has everything before it
  SequenceNumber saved_;
  std::deque<OnItsWay> on_their_way_;
  std::uint64_t first_on_its_way_ = 0;  // number of the front
  std::size_t untold_ = 0;              // of those on their way
  bool again_ = false;                  // one of them failed: all from forwarded_ on are sent again
  std::string refused_;                 // why Kafka will never take the oldest, as it said

  // The forwarding thread's.
  std::unique_ptr<StreamReader> reader_;  // of the log
  SequenceNumber read_;
  int pause_ = 0;  // calls of forward() that send nothing, after one in vain
};

}  // namespace millrace
