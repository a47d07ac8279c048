#include "stream/stream_copy.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/xxh.h"

namespace millrace {
namespace {

constexpr std::size_t kInFlightBytesMax = 16 << 20;
constexpr std::size_t kInFlightMax = 10'000;
constexpr TimeNs kPatienceNs = 30'000'000'000;  // with a side that gives nothing at the moment
constexpr TimeNs kDayNs = 86'400'000'000'000;
constexpr unsigned kRecordsATurn = 64;

std::uint64_t hash_of(const StreamEntry& entry) {
  const std::uint64_t place[] = {entry.range.begin.value, entry.range.end.value,
                                 static_cast<std::uint64_t>(entry.received)};
  return XXH3_64bits_withSeed(entry.payload.data(), entry.payload.size(), XXH3_64bits(place, sizeof place));
}

void add(CopySums& sums, const StreamEntry& entry) {
  std::uint64_t events = entry.range.end.value - entry.range.begin.value;
  if (entry.damaged) {
    sums.damaged += events;
    return;
  }
  DaySum& day = sums.days[entry.received / kDayNs];
  ++day.records;
  day.events += events;
  day.hash += hash_of(entry);
}

void add(CopySums& sums, const CopySums& more) {
  sums.damaged += more.damaged;
  for (const auto& [day, sum] : more.days) {
    DaySum& into = sums.days[day];
    into.records += sum.records;
    into.events += sum.events;
    into.hash += sum.hash;
  }
}

}  // namespace

// Records on their way into the target, which each keep their bytes until they are told.
class StreamCopy::InFlight {
 public:
  ~InFlight() { (void)wait_for_all(); }

  // Waits while too much is on its way. An error: of this one, or of one before it.
  Result<void> append(CopyTarget& to, PartitionId partition, const StreamEntry& entry) {
    auto events = static_cast<std::uint32_t>(entry.range.end.value - entry.range.begin.value);
    std::unique_lock lock(mutex_);
    auto room = [this] { return failed_ || (waiting_ < kInFlightMax && waiting_bytes_ < kInFlightBytesMax); };
    told_.wait(lock, room);
    while (!records_.empty() && records_.front()->told) {
      records_.pop_front();
    }
    if (failed_) {
      return *failed_;
    }
    Record& record = *records_.emplace_back(std::make_unique<Record>(*this, std::string(entry.payload)));
    ++waiting_;
    waiting_bytes_ += record.payload.size();
    for (;;) {
      lock.unlock();
      Result<void> taken = to.append({partition, events, entry.received, record.payload, &record});
      lock.lock();
      if (taken.ok()) {
        return {};
      }
      bool others_wait = waiting_ > 1 && !failed_;
      if (taken.error().code != Code::kFull || !others_wait) {
        done(record);
        return taken;
      }
      told_.wait_for(lock, std::chrono::milliseconds(10));
    }
  }

  Result<void> wait_for_all() {
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return waiting_ == 0; });
    records_.clear();
    return failed_ ? Result<void>(*failed_) : Result<void>();
  }

 private:
  struct Record final : AppendListener {
    Record(InFlight& record_owner, std::string bytes) : owner(record_owner), payload(std::move(bytes)) {}
    void appended(PartitionId, Result<SequenceRange> result) override {
      std::lock_guard lock(owner.mutex_);
      if (!result.ok() && !owner.failed_) {
        owner.failed_ = result.error();
      }
      owner.done(*this);
    }
    InFlight& owner;
    const std::string payload;
    bool told = false;
  };

  void done(Record& record) {
    record.told = true;
    --waiting_;
    waiting_bytes_ -= record.payload.size();
    told_.notify_all();
  }

  std::mutex mutex_;  // of all that follows
  std::condition_variable told_;
  std::deque<std::unique_ptr<Record>> records_;
  std::size_t waiting_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::optional<Error> failed_;
};

StreamCopy::StreamCopy(CopyTarget& to, std::uint16_t partitions, Clock& clock,
                       std::function<bool(const CopyProgress&)> go_on)
    : to_(to), clock_(clock), go_on_(std::move(go_on)), compared_(partitions) {}

Result<void> StreamCopy::bring(CopySource& from, PartitionId partition) {
  MR_TRY(compare(from, partition, to_.state(partition).durable_end));
  MR_TRY(copy(from, partition));
  return compare(from, partition, to_.state(partition).durable_end);
}

// ---- comparing ----

Result<void> StreamCopy::compare(CopySource& from, PartitionId partition, SequenceNumber until) {
  PartitionState source = from.state(partition);
  SequenceNumber begin = std::max({compared_[partition.value], source.begin, to_.state(partition).begin});
  SequenceNumber end = std::min(until, source.durable_end);
  if (begin >= end) {
    return {};
  }
  MR_ASSIGN(CopySums here, sum(from, partition, {begin, end}));
  MR_ASSIGN(CopySums there, sum(to_, partition, {begin, end}));
  add(sums_from_, here);
  add(sums_to_, there);
  if (here != there) {
    return invalid(fmt::format(
        "events {} to {} of partition {} are not the same there: the target holds another stream, or was damaged. "
        "Nothing was switched. Name another target, or remove this one, and run it again",
        begin.value, end.value, partition.value));
  }
  compared_[partition.value] = end;
  return {};
}

Result<CopySums> StreamCopy::sum(CopySource& side, PartitionId partition, SequenceRange range) {
  MR_ASSIGN(std::unique_ptr<StreamReader> reader, side.reader(partition, range.begin));
  CopySums sums;
  for (SequenceNumber at = range.begin; at < range.end;) {
    MR_ASSIGN(StreamEntry entry, next_of(side, partition, *reader, at));
    add(sums, entry);
    progress_.compared += &side == &to_ ? 0 : entry.range.end.value - at.value;
    at = entry.range.end;
    MR_TRY(tell());
  }
  return sums;
}

// The next entry. Brokers may be slow: they are asked again for a while, as long as they may still have it.
Result<StreamEntry> StreamCopy::next_of(CopySource& side, PartitionId partition, StreamReader& reader,
                                        SequenceNumber at) {
  TimeNs deadline = clock_.monotonic() + kPatienceNs;
  for (;;) {
    Result<StreamEntry> entry = reader.next();
    bool again = !entry.ok() && (entry.error().code == Code::kUnavailable || entry.error().code == Code::kNotFound) &&
                 at >= side.state(partition).begin && at < side.state(partition).durable_end;
    if (!again || clock_.monotonic() > deadline) {
      return entry;
    }
    MR_TRY(tell());
  }
}

// ---- copying ----

Result<void> StreamCopy::copy(CopySource& from, PartitionId partition) {
  PartitionState source = from.state(partition);
  SequenceNumber next = to_.state(partition).durable_end;
  if (next >= source.durable_end && next >= source.begin) {
    return {};
  }
  if (next < source.begin) {
    MR_TRY(skip_to_begin(from, partition));
    next = source.begin;
  }
  InFlight in_flight;
  MR_ASSIGN(std::unique_ptr<StreamReader> reader, from.reader(partition, next));
  while (next < source.durable_end) {
    MR_ASSIGN(StreamEntry entry, next_of(from, partition, *reader, next));
    if (entry.range.begin != next) {
      return invalid(
          fmt::format("partition {} of the target ends at event {}, in the middle of a record: it holds "
                      "another stream. Name another target, or remove this one",
                      partition.value, next.value));
    }
    if (entry.damaged) {
      MR_TRY(in_flight.wait_for_all());
      MR_TRY(to_.skip(partition, entry.range.end, false, entry.received));
    } else {
      MR_TRY(in_flight.append(to_, partition, entry));
    }
    progress_.copied += entry.range.end.value - next.value;
    next = entry.range.end;
    MR_TRY(tell());
  }
  MR_TRY(in_flight.wait_for_all());
  if (SequenceNumber end = to_.state(partition).durable_end; end != next) {
    return invalid(
        fmt::format("partition {} of the target ends at event {} where it was copied up to {}: something "
                    "else writes to it. Name another target, or remove this one",
                    partition.value, end.value, next.value));
  }
  return {};
}

Result<void> StreamCopy::skip_to_begin(CopySource& from, PartitionId partition) {
  PartitionState source = from.state(partition);
  TimeNs received = source.newest_received;
  if (source.begin < source.durable_end) {  // received times don't go back: not more than the next record's
    MR_ASSIGN(std::unique_ptr<StreamReader> reader, from.reader(partition, source.begin));
    MR_ASSIGN(StreamEntry entry, next_of(from, partition, *reader, source.begin));
    received = entry.received;
  }
  return to_.skip(partition, source.begin, true, received);
}

Result<void> StreamCopy::tell() {
  if (++turns_ % kRecordsATurn == 0 && !go_on_(progress_)) {
    return unavailable("interrupted");
  }
  return {};
}

}  // namespace millrace
