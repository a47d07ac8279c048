#include "app/late.h"

#include <chrono>

namespace millrace {
namespace {

constexpr auto kWaitMax = std::chrono::seconds(5);

Error starting() {
  return unavailable("the store is still starting; try again in a moment (GET /v1/health shows its state)");
}

}  // namespace

void LateStore::arrive(StoreReader& store) {
  std::lock_guard lock(mutex_);
  store_.store(&store, std::memory_order_release);
  arrived_.notify_all();
}

StoreReader* LateStore::wait() {
  if (StoreReader* store = store_.load(std::memory_order_acquire); store != nullptr) {
    return store;
  }
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, kWaitMax, [this] { return store_.load(std::memory_order_acquire) != nullptr; });
  return store_.load(std::memory_order_acquire);
}

Result<QueryAnswer> LateStore::query(const MetricQuery& query, const QueryBudget& budget) {
  StoreReader* store = wait();
  return store != nullptr ? store->query(query, budget) : Result<QueryAnswer>(starting());
}

Result<std::vector<std::string>> LateStore::events(const EventsQuery& query, const QueryBudget& budget) {
  StoreReader* store = wait();
  return store != nullptr ? store->events(query, budget) : Result<std::vector<std::string>>(starting());
}

Result<SchemaAnswer> LateStore::schema(const std::string& project, const QueryBudget& budget) {
  StoreReader* store = wait();
  return store != nullptr ? store->schema(project, budget) : Result<SchemaAnswer>(starting());
}

Result<TimeNs> LateStore::calendar(Every unit, TimeNs at, int steps, const std::string& time_zone) {
  StoreReader* store = wait();
  return store != nullptr ? store->calendar(unit, at, steps, time_zone) : Result<TimeNs>(starting());
}

Result<TimeNs> LateStore::instant(TimeNs local, const std::string& time_zone) {
  StoreReader* store = wait();
  return store != nullptr ? store->instant(local, time_zone) : Result<TimeNs>(starting());
}

Result<std::vector<TimeNs>> LateStore::buckets(Every every, TimeNs from, TimeNs to, const std::string& time_zone) {
  StoreReader* store = wait();
  return store != nullptr ? store->buckets(every, from, to, time_zone) : Result<std::vector<TimeNs>>(starting());
}

Result<void> LateStore::ping() {
  StoreReader* store = wait();
  return store != nullptr ? store->ping() : Result<void>(starting());
}

void LateProgress::arrive(Progress& progress) {
  std::lock_guard lock(mutex_);
  progress_ = &progress;
  arrived_.notify_all();
}

std::vector<PartitionProgress> LateProgress::partitions() const {
  std::unique_lock lock(mutex_);
  if (progress_ != nullptr) {
    lock.unlock();
    return progress_->partitions();
  }
  std::vector<PartitionProgress> none(stream_.partitions());
  for (std::uint16_t i = 0; i < stream_.partitions(); ++i) {
    none[i].partition = PartitionId(i);
    none[i].durable_end = stream_.state(PartitionId(i)).durable_end;
  }
  return none;
}

bool LateProgress::wait_stored(PartitionId partition, SequenceNumber until, std::int64_t timeout_ms) {
  TimeNs deadline = clock_.monotonic() + timeout_ms * 1'000'000;
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return progress_ != nullptr; })) {
    return false;
  }
  lock.unlock();
  std::int64_t left_ms = (deadline - clock_.monotonic()) / 1'000'000;
  return progress_->wait_stored(partition, until, std::max<std::int64_t>(left_ms, 0));
}

}  // namespace millrace
