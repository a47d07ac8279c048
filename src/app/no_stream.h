#pragma once
// What stands where a server's roles have no stream or no processors.

#include "stream/progress.h"
#include "stream/stream.h"

namespace millrace {

// Of a server that takes no events and processes none. Nobody knows here how far the stream is: every place may be.
class NoStream final : public Stream {
 public:
  NoStream(Generation generation, std::uint16_t partitions) : generation_(generation), partitions_(partitions) {}
  Generation generation() const override { return generation_; }
  std::uint16_t partitions() const override { return partitions_; }
  Result<void> append(const Append&) override { return nothing(); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId, SequenceNumber) override { return nothing(); }
  PartitionState state(PartitionId) override { return {SequenceNumber(0), SequenceNumber(UINT64_MAX), 0, 0}; }
  void wait_for(PartitionId, SequenceNumber, std::int64_t) override {}
  void release(PartitionId, SequenceNumber) override {}
  Result<void> health() override { return {}; }
  void stop() override {}

 private:
  static Error nothing() { return unavailable("this server has no stream"); }
  const Generation generation_;
  const std::uint16_t partitions_;
};

class NoProgress final : public Progress {
 public:
  std::vector<PartitionProgress> partitions() const override { return {}; }
  bool wait_stored(PartitionId, SequenceNumber, std::int64_t) override { return false; }
};

}  // namespace millrace
