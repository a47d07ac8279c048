#pragma once
// A listener for tests and tools that wait for their appends.

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "stream/stream.h"

namespace millrace {

// Remembers what it is told.
class RecordingListener final : public AppendListener {
 public:
  void appended(PartitionId partition, Result<SequenceRange> result) override {
    std::lock_guard lock(mutex_);
    partitions_.push_back(partition);
    results_.push_back(std::move(result));
    told_.notify_all();
  }
  // All that it was told, once that are at least `count`.
  std::vector<Result<SequenceRange>> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [&] { return results_.size() >= count; });
    return results_;
  }
  std::size_t told() {
    std::lock_guard lock(mutex_);
    return results_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<PartitionId> partitions_;
  std::vector<Result<SequenceRange>> results_;
};

// Appends and waits for the answer.
inline Result<SequenceRange> append_and_wait(Stream& stream, PartitionId partition, std::uint32_t events,
                                             TimeNs received, std::string_view payload) {
  RecordingListener listener;
  MR_TRY(stream.append({partition, events, received, payload, &listener}));
  return listener.wait(1).front();
}

// The next entry. Brokers of a stream may be slow: whoever reads asks again.
inline Result<StreamEntry> next_of(StreamReader& reader) {
  Result<StreamEntry> entry = reader.next();
  while (!entry.ok() && entry.error().code == Code::kUnavailable) {
    entry = reader.next();
  }
  return entry;
}

}  // namespace millrace
