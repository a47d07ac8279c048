#pragma once
// Parts that come later than the door opens: events are taken from the first moment on, while the engine still starts.
// Until they are there, questions get kUnavailable and progress shows that nothing is stored yet.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "io/clock.h"
#include "store/store.h"
#include "stream/progress.h"
#include "stream/stream.h"

namespace millrace {

class LateStore final : public StoreReader {
 public:
  // Once; `store` must outlive this object.
  void arrive(StoreReader& store);

  Result<QueryAnswer> query(const MetricQuery& query, const QueryBudget& budget) override;
  Result<std::vector<std::string>> events(const EventsQuery& query, const QueryBudget& budget) override;
  Result<SchemaAnswer> schema(const std::string& project, const QueryBudget& budget) override;
  Result<TimeNs> calendar(Every unit, TimeNs at, int steps, const std::string& time_zone) override;
  Result<TimeNs> instant(TimeNs local, const std::string& time_zone) override;
  Result<std::vector<TimeNs>> buckets(Every every, TimeNs from, TimeNs to, const std::string& time_zone) override;
  Result<void> ping() override;

 private:
  // The store; null when it hasn't come in some seconds.
  StoreReader* wait();

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::atomic<StoreReader*> store_ = nullptr;
};

class LateProgress final : public Progress {
 public:
  LateProgress(Stream& stream, Clock& clock) : stream_(stream), clock_(clock) {}
  // Once; `progress` must outlive this object.
  void arrive(Progress& progress);

  std::vector<PartitionProgress> partitions() const override;
  bool wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) override;

 private:
  Stream& stream_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Progress* progress_ = nullptr;
};

}  // namespace millrace
