#pragma once
// What a processor touches, for the simulation: every call may fail, or be the last thing that the process does.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "io/file.h"
#include "store/memory/memory_store.h"
#include "stream/failed_events.h"

namespace millrace {

// The process dies here.
struct Crash {};

class SimRandom {
 public:
  explicit SimRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool chance(std::uint64_t per_thousand) { return below(1000) < per_thousand; }

 private:
  std::uint64_t state_;
};

// Called before and after every call: may throw Crash, or fail the call (before alone).
using SimHook = std::function<Result<void>()>;

class SimFiles final : public FileSystem {
 public:
  SimHook hook = [] { return Result<void>(); };

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    MR_TRY(hook());
    auto found = names_.find(path);
    if (found == names_.end()) {
      if (mode == OpenMode::kRead || mode == OpenMode::kReadWrite) {
        return not_found(path);
      }
      found = names_.emplace(path, std::make_shared<Node>()).first;
    } else if (mode == OpenMode::kCreate) {
      return unavailable(path + " is there");
    }
    return std::unique_ptr<File>(std::make_unique<Opened>(*this, found->second));
  }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    std::vector<std::string> names;
    for (const auto& [path, node] : names_) {
      if (path.starts_with(folder + "/")) {
        names.push_back(path.substr(folder.size() + 1));
      }
    }
    return names;
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    MR_TRY(hook());
    names_[to] = names_.at(from);
    names_.erase(from);
    return hook_after();
  }
  Result<void> remove(const std::string& path) override {
    MR_TRY(hook());
    return names_.erase(path) > 0 ? Result<void>() : Result<void>(not_found(path));
  }
  Result<void> make_folders(const std::string&) override { return {}; }
  Result<void> sync_folder(const std::string&) override {
    MR_TRY(hook());
    durable_names_ = names_;
    return hook_after();
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string&) override { return unavailable("not in a simulation"); }
  Result<DiskSpace> space(const std::string&) override { return DiskSpace{}; }

  // What was not synced is gone.
  void cut_power() {
    names_ = durable_names_;
    for (auto& [path, node] : names_) {
      node->content = node->synced;
    }
  }
  std::unique_ptr<SimFiles> copy() const {
    auto other = std::make_unique<SimFiles>();
    for (const auto& [path, node] : names_) {
      other->names_[path] = std::make_shared<Node>(*node);
    }
    other->durable_names_ = other->names_;
    return other;
  }

 private:
  struct Node {
    std::string content;
    std::string synced;
  };
  class Opened final : public File {
   public:
    Opened(SimFiles& files, std::shared_ptr<Node> node) : files_(files), node_(std::move(node)) {}
    Result<void> write_at(std::uint64_t offset, std::span<const std::string_view> pieces) override {
      MR_TRY(files_.hook());
      node_->content.resize(offset);
      for (std::string_view piece : pieces) {
        node_->content.append(piece);
      }
      return files_.hook_after();
    }
    Result<std::size_t> read_at(std::uint64_t offset, char* into, std::size_t size) override {
      return node_->content.copy(into, size, offset);
    }
    Result<void> sync() override {
      MR_TRY(files_.hook());
      node_->synced = node_->content;
      return files_.hook_after();
    }
    Result<std::uint64_t> size() override { return std::uint64_t{node_->content.size()}; }
    Result<void> truncate(std::uint64_t size) override {
      node_->content.resize(size);
      return {};
    }
    Result<void> sync_file_system() override { return {}; }

   private:
    SimFiles& files_;
    std::shared_ptr<Node> node_;  // shared with the name, which may go away while it is open
  };
  // A crash may come after a call too; a failure may not, the call has happened.
  Result<void> hook_after() {
    (void)hook().ok();
    return {};
  }

  std::map<std::string, std::shared_ptr<Node>> names_;
  std::map<std::string, std::shared_ptr<Node>> durable_names_;
};

// One owner's connection to the store that all of them share.
class SimConnection final : public StoreWriter {
 public:
  explicit SimConnection(MemoryStore& store) : store_(store) {}
  SimHook hook = [] { return Result<void>(); };
  // Asked before each insert: true keeps the insert back, and the owner with it.
  std::function<bool(const EventBatch&, std::size_t, std::size_t)> keep_back;

  Result<void> insert(const EventBatch& batch, std::size_t begin, std::size_t end) override {
    (void)hook().ok();
    if (keep_back && keep_back(batch, begin, end)) {
      throw Crash{};
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

 private:
  Result<void> after(Result<void> result) {
    (void)hook().ok();
    return result;
  }
  MemoryStore& store_;
};

class SimFailedEvents final : public FailedEvents {
 public:
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
  std::set<std::uint64_t> pending_;
  std::set<std::uint64_t> durable_;
};

}  // namespace millrace
