#include "stream/memory/memory_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/check.h"

namespace millrace {

class MemoryReader final : public StreamReader {
 public:
  MemoryReader(MemoryStream& stream, PartitionId partition, SequenceNumber from)
      : stream_(stream), partition_(partition), next_(from) {}

  Result<StreamEntry> next() override {
    MR_ASSIGN(MemoryStream::Record record, stream_.record_at(partition_, next_));
    payload_ = record.payload;
    next_ = record.range.end;
    return StreamEntry{record.range, record.received, record.damaged,
                       record.damaged ? std::string_view() : std::string_view(*payload_)};
  }

  Result<void> seek(SequenceNumber from) override {
    next_ = from;
    return {};
  }

 private:
  MemoryStream& stream_;
  PartitionId partition_;
  SequenceNumber next_;
  // shared_ptr: an entry that was read outlives its record, which retention may drop meanwhile.
  std::shared_ptr<const std::string> payload_;
};

MemoryStream::MemoryStream(const MemoryStreamOptions& options) : options_(options), partitions_(options.partitions) {
  MR_CHECK(options.partitions > 0);
  if (options.background) {
    thread_.emplace("memory-stream", [this] { run(); });
  }
}

MemoryStream::~MemoryStream() { stop(); }

MemoryStream::Partition& MemoryStream::at(PartitionId partition) {
  MR_CHECK(partition.value < partitions_.size());
  return partitions_[partition.value];
}

Result<void> MemoryStream::append(const Append& batch) {
  MR_CHECK(batch.events > 0 && batch.listener != nullptr);
  std::lock_guard lock(mutex_);
  at(batch.partition);
  if (failed_) {
    return *failed_;
  }
  if (stopped_) {
    return unavailable("the stream is stopped");
  }
  if (!waiting_.empty() && waiting_bytes_ + batch.payload.size() > options_.waiting_bytes_max) {
    return full("too many bytes wait for the log's disk");
  }
  waiting_.push_back(batch);
  waiting_bytes_ += batch.payload.size();
  work_.notify_one();
  return {};
}

MemoryStream::Told MemoryStream::commit(const Append& batch) {
  if (failed_) {
    return {batch.listener, batch.partition, *failed_};
  }
  Partition& partition = at(batch.partition);
  SequenceRange range{partition.end, partition.end.plus(batch.events)};
  partition.newest_received = std::max(partition.newest_received, batch.received);
  // shared_ptr: see MemoryReader.
  partition.records.push_back(
      {range, partition.newest_received, false, std::make_shared<const std::string>(batch.payload)});
  partition.end = range.end;
  partition.bytes += batch.payload.size();
  return {batch.listener, batch.partition, range};
}

void MemoryStream::flush_locked(std::unique_lock<std::mutex>& lock) {
  std::vector<Told> told;
  for (const Append& batch : std::exchange(waiting_, {})) {
    told.push_back(commit(batch));
  }
  waiting_bytes_ = 0;
  lock.unlock();
  durable_.notify_all();
  for (Told& one : told) {
    one.listener->appended(one.partition, std::move(one.result));
  }
  lock.lock();
}

void MemoryStream::flush() {
  std::lock_guard telling(telling_);
  std::unique_lock lock(mutex_);
  flush_locked(lock);
}

void MemoryStream::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (waiting_.empty()) {
      return;
    }
    lock.unlock();
    flush();
    lock.lock();
  }
}

void MemoryStream::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  work_.notify_all();
  durable_.notify_all();
  if (thread_) {
    thread_->join();
  }
  flush();
}

void MemoryStream::crash() {
  std::lock_guard lock(mutex_);
  waiting_.clear();
  waiting_bytes_ = 0;
}

void MemoryStream::fail(Error error) {
  {
    std::lock_guard lock(mutex_);
    failed_ = std::move(error);
  }
  work_.notify_all();
}

Result<void> MemoryStream::health() {
  std::lock_guard lock(mutex_);
  if (failed_) {
    return *failed_;
  }
  return {};
}

Result<std::unique_ptr<StreamReader>> MemoryStream::reader(PartitionId partition, SequenceNumber from) {
  std::lock_guard lock(mutex_);
  at(partition);
  return std::unique_ptr<StreamReader>(std::make_unique<MemoryReader>(*this, partition, from));
}

Result<MemoryStream::Record> MemoryStream::record_at(PartitionId partition, SequenceNumber from) {
  std::lock_guard lock(mutex_);
  const Partition& kept = at(partition);
  if (from < kept.begin) {
    return unavailable("retention has given up this place of the stream");
  }
  auto found = std::upper_bound(kept.records.begin(), kept.records.end(), from,
                                [](SequenceNumber place, const Record& record) { return place < record.range.end; });
  if (found == kept.records.end()) {
    return not_found("everything durable has been read");
  }
  return *found;
}

PartitionState MemoryStream::state(PartitionId partition) {
  std::lock_guard lock(mutex_);
  const Partition& kept = at(partition);
  return {kept.begin, kept.end, kept.newest_received, kept.bytes};
}

SequenceNumber MemoryStream::first_at(PartitionId partition, TimeNs time) {
  std::lock_guard lock(mutex_);
  const Partition& kept = at(partition);
  auto found = std::find_if(kept.records.begin(), kept.records.end(),
                            [time](const Record& record) { return record.received >= time; });
  return found == kept.records.end() ? kept.end : found->range.begin;
}

void MemoryStream::wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  durable_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [&] { return stopped_ || at(partition).end > beyond; });
}

void MemoryStream::release(PartitionId partition, SequenceNumber until) {
  std::lock_guard lock(mutex_);
  Partition& kept = at(partition);
  kept.released = std::max(kept.released, std::min(until, kept.end));
}

void MemoryStream::damage(PartitionId partition, SequenceRange range) {
  std::lock_guard lock(mutex_);
  for (Record& record : at(partition).records) {
    record.damaged |= record.range.begin < range.end && range.begin < record.range.end;
  }
}

void MemoryStream::retain_from(PartitionId partition, SequenceNumber until) {
  std::lock_guard lock(mutex_);
  Partition& kept = at(partition);
  until = std::min(until, kept.released);
  while (!kept.records.empty() && kept.records.front().range.end <= until) {
    kept.begin = kept.records.front().range.end;
    kept.bytes -= kept.records.front().payload->size();
    kept.records.pop_front();
  }
}

}  // namespace millrace
