#pragma once
// What a processor touches, for the simulation: every call may fail, or be the last thing that the process does.

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/sim.h"
#include "store/memory/memory_store.h"
#include "stream/failed_events.h"
#include "stream/memory/memory_stream.h"

namespace millrace {

// Called before and after every call: may throw SimCrash, or fail the call (before alone).
using SimHook = std::function<Result<void>()>;

// A disk with one folder, and a process's files on it.
struct SimMachine {
  explicit SimMachine(const std::string& folder) {
    (void)(files.make_folders(folder).ok() && files.sync_folder("/").ok());
  }
  explicit SimMachine(std::unique_ptr<SimDisk> other) : owned(std::move(other)) {}
  std::unique_ptr<SimDisk> owned = std::make_unique<SimDisk>(1);
  SimDisk& disk = *owned;
  SimFiles files{disk};

  std::unique_ptr<SimMachine> copy(std::uint64_t seed) const { return std::make_unique<SimMachine>(disk.copy(seed)); }
  // From the `calls`th call on, the process is dead.
  void die_at(int calls) {
    auto count = [this, calls] {
      if (++calls_ >= calls) {
        throw SimCrash{};
      }
    };
    files.before = [count](SimCall, const std::string&) { return count(), Result<void>(); };
    files.after = [count](SimCall, const std::string&) { count(); };
  }
  void cut_power() {
    files.before = nullptr;
    files.after = nullptr;
    disk.cut_power();
  }

 private:
  int calls_ = 0;
};

// One owner's connection to the store that all of them share.
class SimConnection final : public StoreWriter, public SharedState {
 public:
  explicit SimConnection(MemoryStore& store) : store_(store) {}
  SimHook hook = [] { return Result<void>(); };
  // Asked before each insert: true keeps the insert back, and the owner with it.
  std::function<bool(const EventBatch&, std::size_t, std::size_t)> keep_back;
  // The same for what it leaves for the next owner.
  std::function<bool(const Takeover&, const std::string&, std::string_view)> keep_state_back;

  // Asked at each step: whether the copy that this owner works with has gone.
  std::function<bool()> copy_goes = [] { return false; };
  bool stays = false;  // it never goes

  Result<bool> attach(PartitionId partition) override {
    (void)hook().ok();
    if (!gone_ || stays) {
      return false;
    }
    store_.change_copy(partition);
    gone_ = false;
    return true;
  }
  bool detached(PartitionId) override {
    gone_ = !stays && (gone_ || copy_goes());
    return gone_;
  }
  Result<void> catch_up(PartitionId partition) override {
    (void)hook().ok();
    return after(store_.catch_up(partition));
  }
  Result<void> insert(const EventBatch& batch, std::size_t begin, std::size_t end) override {
    (void)hook().ok();
    if (keep_back && keep_back(batch, begin, end)) {
      throw SimCrash{};
    }
    return after(store_.insert(batch, begin, end));
  }
  Result<void> settle(PartitionId partition) override {
    (void)hook().ok();
    return after(store_.settle(partition));
  }
  Result<std::vector<SequenceNumber>> present(PartitionId partition, SequenceRange range) override {
    (void)hook().ok();
    return store_.present(partition, range);
  }
  Result<StoredRange> count(PartitionId partition, SequenceRange range, bool with_hash) override {
    (void)hook().ok();
    return store_.count(partition, range, with_hash);
  }
  Result<void> flush() override {
    (void)hook().ok();
    return after(store_.flush());
  }
  Result<Takeover> owner(PartitionId partition) override { return store_.owner(partition); }
  Result<void> take_over(const Takeover& takeover) override {
    (void)hook().ok();
    return after(store_.take_over(takeover));
  }

  Result<std::vector<std::string>> names(const Takeover& owner) override { return store_.names(owner); }
  Result<std::string> read(const Takeover& owner, const std::string& name) override { return store_.read(owner, name); }
  Result<void> write(const Takeover& owner, const std::string& name, std::string_view bytes) override {
    (void)hook().ok();
    if (keep_state_back && keep_state_back(owner, name, bytes)) {
      throw SimCrash{};
    }
    return after(store_.write(owner, name, bytes));
  }
  Result<void> remove(const Takeover& owner, const std::vector<std::string>& names) override {
    (void)hook().ok();
    return after(store_.remove(owner, names));
  }
  Result<void> copy(const Takeover& from, const Takeover& to) override {
    (void)hook().ok();
    return after(store_.copy(from, to));
  }
  Result<void> forget_before(const Takeover& owner) override {
    (void)hook().ok();
    return after(store_.forget_before(owner));
  }

 private:
  Result<void> after(Result<void> result) {
    (void)hook().ok();
    return result;
  }
  MemoryStore& store_;
  bool gone_ = false;
};

// One owner's view of the stream that all of them share.
class SimTopic final : public Stream {
 public:
  explicit SimTopic(MemoryStream& stream) : stream_(stream) {}
  SequenceNumber released;  // by this owner

  Generation generation() const override { return stream_.generation(); }
  std::uint16_t partitions() const override { return stream_.partitions(); }
  Result<void> append(const Append& batch) override { return stream_.append(batch); }
  Result<std::unique_ptr<StreamReader>> reader(PartitionId partition, SequenceNumber from) override {
    return stream_.reader(partition, from);
  }
  PartitionState state(PartitionId partition) override { return stream_.state(partition); }
  SequenceNumber first_at(PartitionId partition, TimeNs at) override { return stream_.first_at(partition, at); }
  void wait_for(PartitionId partition, SequenceNumber beyond, std::int64_t timeout_ms) override {
    stream_.wait_for(partition, beyond, timeout_ms);
  }
  void release(PartitionId, SequenceNumber until) override { released = std::max(released, until); }
  Result<void> health() override { return stream_.health(); }
  void stop() override {}

 private:
  MemoryStream& stream_;
};

// Those of one owner: what isn't synced goes with it. What is synced is everybody's.
class SimFailedEvents final : public FailedEvents {
 public:
  SimFailedEvents() : durable_(own_) {}
  explicit SimFailedEvents(std::set<std::uint64_t>& durable) : durable_(durable) {}
  SimHook hook = [] { return Result<void>(); };
  void add(const FailedEvent& event) override { pending_.insert(event.sequence.value); }
  Result<void> sync() override {
    MR_TRY(hook());
    durable_.insert(pending_.begin(), pending_.end());
    pending_.clear();
    (void)hook().ok();
    return {};
  }
  std::vector<FailedEvent> latest(const std::string&, std::size_t) override { return {}; }
  void crash() { pending_.clear(); }
  const std::set<std::uint64_t>& durable() const { return durable_; }

 private:
  std::set<std::uint64_t> own_;
  std::set<std::uint64_t> pending_;
  std::set<std::uint64_t>& durable_;
};

}  // namespace millrace
