#pragma once
// A stream that keeps its records in memory: for tests of everything that stands on a stream. It can lose what isn't
// durable, as a crash does, and mark places as damaged.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "io/thread.h"
#include "stream/stream.h"

namespace millrace {

struct MemoryStreamOptions {
  Generation generation{1};
  std::uint16_t partitions = 1;
  std::size_t waiting_bytes_max = 64 << 20;
  // True: a thread of the stream's makes appends durable. False: nothing happens until flush(), for simulations that
  // run in one thread.
  bool background = true;
};

class MemoryStream final : public Stream {
 public:
  explicit MemoryStream(const MemoryStreamOptions& options);
  ~MemoryStream() override;  // stop()

  Generation generation() const override { return options_.generation; }
  std::uint16_t partitions() const override { return options_.partitions; }
  Result<void> append(const Append& batch) override;
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override;
  PartitionState state(PartitionId partition) override;
  SequenceNumber first_at(PartitionId partition, TimeNs at) override;
  void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) override;
  void release(PartitionId partition, SequenceNumber until) override;
  Result<void> health() override;
  void stop() override;

  // Makes everything durable that waits, and tells its listeners, in the caller's thread.
  void flush();
  // Forgets everything that waits, without a word to its listeners: the process died.
  void crash();
  // The disk fails from now on: what waits and what comes is refused with this error.
  void fail(Error error);
  // Readers find damage in place of every record that touches the range.
  void damage(PartitionId partition, SequenceRange range);
  // Gives up whole records that lie before `until`, as far as they were released.
  void retain_from(PartitionId partition, SequenceNumber until);

 private:
  friend class MemoryReader;
  struct Record {
    SequenceRange range;
    TimeNs received = 0;
    bool damaged = false;
    std::shared_ptr<const std::string> payload;  // shared with readers, which may hold it while it is given up
  };
  struct Partition {
    std::deque<Record> records;
    SequenceNumber begin;
    SequenceNumber end;
    SequenceNumber released;
    TimeNs newest_received = 0;
    std::uint64_t bytes = 0;
  };
  struct Told {
    AppendListener* listener;
    PartitionId partition;
    Result<SequenceRange> result;
  };

  void run();
  Told commit(const Append& batch);
  void flush_locked(std::unique_lock<std::mutex>& lock);
  Result<Record> record_at(PartitionId partition, SequenceNumber from);
  Partition& at(PartitionId partition);

  const MemoryStreamOptions options_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable work_;
  std::condition_variable durable_;
  std::vector<Partition> partitions_;
  std::vector<Append> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::optional<Error> failed_;
  bool stopped_ = false;
  std::mutex telling_;  // held while listeners are told, so that they are told in order
  std::optional<Thread> thread_;
};

}  // namespace millrace
